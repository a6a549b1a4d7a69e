"""Where the SoundFont of the local composer is."""

import os
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

_WHEEL = "pretty_midi"


class SoundFontMissing(RuntimeError):
    """No SoundFont; the text is one line with the cure."""


def soundfont() -> Path:
    """`SOUNDFONT`, else TimGM6mb (GPL-2) out of the installed wheel of `pretty_midi`.

    The wheel is only looked into, never imported: its dependency mido is not installed.
    Raises SoundFontMissing.
    """
    named = os.environ.get("SOUNDFONT")
    path = Path(named) if named else _bundled()
    if not path or not path.is_file():
        raise SoundFontMissing(
            f"no SoundFont at SOUNDFONT={named}: name an .sf2 file"
            if named
            else f"no SoundFont: install {_WHEEL} (requirements of the local stack), "
            "or set SOUNDFONT to an .sf2 file"
        )
    return path


def _bundled() -> Path | None:
    try:
        inside = files(_WHEEL) or []
    except PackageNotFoundError:
        return None
    return next((Path(str(f.locate())) for f in inside if f.suffix == ".sf2"), None)
