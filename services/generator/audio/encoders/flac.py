"""FLAC of 16 or 24 bits, by libsndfile."""

from io import BytesIO
from typing import Final

import soundfile

from services.generator.audio.encoders.tags import Tags
from services.generator.audio.pcm import CHANNELS, RATE
from services.generator.audio.tape import Tape

_EFFORT: Final = 5 / 8
"""libFLAC's own default level."""


def encode_flac(tape: Tape, tags: Tags) -> BytesIO:
    """The same samples; tags are a Vorbis comment."""
    target = BytesIO()
    with soundfile.SoundFile(
        target,
        "w",
        RATE,
        CHANNELS,
        subtype=f"PCM_{tape.bit_depth}",
        format="FLAC",
        compression_level=_EFFORT,
    ) as file:
        # They belong to the head, which goes out with the first samples.
        file.title, file.artist, file.comment = tags.title, tags.model, tags.comment
        for block in tape.blocks():
            file.write(block)
    target.seek(0)
    return target
