"""How a track's files are handed out: under which name, and for how long a link is good."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

LIFETIME: Final = timedelta(minutes=15)
"""Of a signed link, V4 or CDN."""
CACHE_CONTROL: Final = f"private, max-age={LIFETIME // timedelta(seconds=1)}, immutable"
"""Of every file: a link names one generation, whose bytes never change, and is soon another."""
SIDES: Final[Mapping[str, str]] = {"waveform": "json", "spectrogram": "png", "metadata": "json"}
"""What describes the audio -> the ending of its file name."""


def audio_name(request_id: str, format_name: str) -> str:
    """What a download of an audio file is called; never a word of the prompt's."""
    return f"motif-{request_id}.{format_name}"


def side_name(request_id: str, kind: str) -> str:
    """What a download of a side object is called; *kind*: see ``SIDES``."""
    return f"motif-{request_id}-{kind}.{SIDES[kind]}"


def disposition(filename: str, *, download: bool) -> str:
    """``Content-Disposition``: whether a browser saves what is opened, or shows and plays it."""
    return f'{"attachment" if download else "inline"}; filename="{filename}"'
