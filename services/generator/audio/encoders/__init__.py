"""Finished samples to files: one row per format, so that a new format is a new row.

Every encoder reads the tape from its start, a block at a time, while it is still being written,
and holds no more than its own output. The same tape and tags give the same bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from services.generator.audio.encoders.flac import encode_flac
from services.generator.audio.encoders.libav import encode_m4a, encode_opus
from services.generator.audio.encoders.mp3 import encode_mp3
from services.generator.audio.encoders.riff import encode_wav, wav_head
from services.generator.audio.encoders.tags import Tags
from services.generator.audio.tape import Tape

__all__ = ["ENCODERS", "Encoder", "Tags", "wav_head"]


@dataclass(frozen=True, slots=True)
class Encoder:
    """How one ``format`` of the API is written, and what its files are called."""

    extension: str
    mime_type: str
    lossy: bool
    """Its decoded peaks are above those of the tape: see each encoder for how far."""
    encode: Callable[[Tape, Tags], BinaryIO]
    """The whole tape as a file at position 0; raises what the tape failed with."""


ENCODERS: Final[Mapping[str, Encoder]] = {
    "wav": Encoder("wav", "audio/wav", lossy=False, encode=encode_wav),
    "flac": Encoder("flac", "audio/flac", lossy=False, encode=encode_flac),
    "mp3": Encoder("mp3", "audio/mpeg", lossy=True, encode=encode_mp3),
    "ogg": Encoder("ogg", "audio/ogg", lossy=True, encode=encode_opus),
    "m4a": Encoder("m4a", "audio/mp4", lossy=True, encode=encode_m4a),
}
