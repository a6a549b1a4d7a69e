"""Finished samples to files: one row per format, so that a new format is a new row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import soundfile

from services.generator.audio.pcm import RATE, Pcm16

Write = Callable[[Path | BinaryIO, Pcm16], None]


def write_wav(
    target: Path | BinaryIO, samples: Pcm16, bit_depth: int = 16, sample_rate: int = RATE
) -> None:
    """Write *samples*, shape (frames, 2), as RIFF WAVE; the same samples give the same bytes."""
    subtype = f"PCM_{bit_depth}"
    soundfile.write(target, samples, sample_rate, subtype=subtype, format="WAV")


@dataclass(frozen=True, slots=True)
class Encoder:
    """How one ``format`` of the API is written, and what its files are called."""

    extension: str
    mime_type: str
    write: Write


ENCODERS: Final[Mapping[str, Encoder]] = {
    "wav": Encoder(extension="wav", mime_type="audio/wav", write=write_wav),
}
