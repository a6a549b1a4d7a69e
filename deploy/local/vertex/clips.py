"""Where the clips come from: composed for each call, or taken from the disk for load tests."""

import base64
import json
import os
import threading
from pathlib import Path
from typing import Final, Protocol

from deploy.local.http import FileRange
from deploy.local.vertex.call import Call
from deploy.local.vertex.music.prompts import STYLES, read
from deploy.local.vertex.music.sketch import sketch
from deploy.local.vertex.replies import AUDIO_KEY, reply

_AT_ONCE: Final = 2
"""Clips composed at the same time: each takes about 60 MB."""


class Clips(Protocol):
    """A source of clips."""

    def wav(self, call: Call) -> bytes:
        """The first clip of a call, as a WAV file."""
        ...

    def reply(self, call: Call) -> bytes | FileRange:
        """All clips of a call, as the body of an answer."""
        ...


class Composed:
    """Music made for each call: the same words and seed give the same bytes."""

    def __init__(self, font: Path) -> None:
        """`font` is an .sf2 file."""
        self._font = font
        self._turn = threading.BoundedSemaphore(_AT_ONCE)

    def wav(self, call: Call) -> bytes:
        """The first clip of a call, as a WAV file."""
        return self._clip(call, call.seeds[0])

    def reply(self, call: Call) -> bytes:
        """All clips of a call, as the body of an answer."""
        return reply([self._clip(call, seed) for seed in call.seeds])

    def _clip(self, call: Call, seed: int) -> bytes:
        with self._turn:
            return sketch(call.prompt, call.negative_prompt, seed, self._font)


class Prerendered:
    """One clip per style, made once and kept on disk: prompt, seed and count are ignored."""

    def __init__(self, font: Path, folder: Path) -> None:
        """Compose into `folder` what is not there yet: some seconds the first time."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for style in STYLES:
            if not self._file(style).exists():
                prompt = f"Generate {style} music: a piece for load tests, moderate tempo"
                self._keep(style, reply([sketch(prompt, "", 0, font)]))

    def wav(self, call: Call) -> bytes:
        """The style's clip, as a WAV file."""
        document = json.loads(self._of(call).read_bytes())
        return base64.b64decode(document["predictions"][0][AUDIO_KEY])

    def reply(self, call: Call) -> FileRange:
        """The style's clip, as the body of an answer."""
        path = self._of(call)
        return FileRange(path, 0, path.stat().st_size)

    def _of(self, call: Call) -> Path:
        return self._file(read(call.prompt).style)

    def _file(self, style: str) -> Path:
        return self._folder / f"{style}.json"

    def _keep(self, style: str, body: bytes) -> None:
        unfinished = self._folder / f".{style}.{os.getpid()}"
        unfinished.write_bytes(body)
        unfinished.rename(self._file(style))
