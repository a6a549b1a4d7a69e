"""Ogg Opus and M4A (AAC), by libav."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from io import BytesIO
from typing import Final, Literal

import av
from av.audio.frame import AudioFrame

from services.generator.audio.encoders.ceiling import below_ceiling
from services.generator.audio.encoders.monitor import Decoder, Monitor
from services.generator.audio.encoders.tags import Tags
from services.generator.audio.loudness import Peaks
from services.generator.audio.pcm import RATE, Pcm
from services.generator.audio.tape import Tape

_LAYOUT: Final = "stereo"
_FORMATS: Final = {16: "s16", 24: "s32"}
_REPRODUCIBLE: Final = {"fflags": "+bitexact"}
"""A fixed serial number of the Ogg stream, and no version of the library in either file."""

_AAC_FRAME: Final = 1024
_MOOV_BASE: Final = 4096
_MOOV_PER_FRAME: Final = 5


@dataclass(frozen=True, slots=True)
class _Codec:
    container: str
    name: Literal["libopus", "aac"]
    bits_per_second: int
    options: Mapping[str, str]
    decoder: Decoder
    delay: int
    """Frames that the decoder puts out before the first: libav cuts those of Opus by itself."""
    least_kept: float = 0.0
    """The share of its energy that each loud block must keep; 0 where that is in no doubt."""


_OPUS: Final = _Codec(
    container="ogg",
    name="libopus",
    bits_per_second=256_000,
    options={"compression_level": "5"},
    decoder="opus",
    delay=0,
)
"""At 192 kbit/s peaks come out 0.2 dB higher; a greater effort than 5 makes them no lower."""

_AAC: Final = _Codec(
    container="ipod",
    name="aac",
    bits_per_second=256_000,
    options={"aac_coder": "fast", "aac_tns": "0", "aac_pns": "0", "aac_is": "0", "cutoff": "22000"},
    decoder="aac",
    delay=_AAC_FRAME,
    least_kept=0.9,
)
"""Peaks of limited music come out 0.3 dB higher, with TNS (temporal noise shaping) 1.1 dB. The
usual cutoff takes 0.4 LU from noise, this one 0.25.

The fast coder spends all bits that it may: where there is little but a loud bass, its steps are
so fine that AAC's numbers end (at 8191), which cuts the bass by 2 dB. Music and noise keep 0.93 of
each block's energy or more; drums and bass notes that are alone, 0.6 to 0.8.
"""

_CAREFUL_AAC: Final = replace(
    _AAC, options={**_AAC.options, "aac_coder": "twoloop"}, least_kept=0.0
)
"""Never beyond that end, but twice as slow, and with more noise in music."""


class _Cut(Exception):
    """The codec has swallowed a part of the sound."""


def encode_opus(tape: Tape, tags: Tags) -> BytesIO:
    """Opus in Ogg (RFC 7845); tags are its comment header."""
    return below_ceiling(tape, partial(_attempt, _OPUS, tape, tags, _REPRODUCIBLE))


def encode_m4a(tape: Tape, tags: Tags) -> BytesIO:
    """AAC-LC in MP4, its index before its sound, so that it plays while it is loaded.

    Room for the index is set aside at the start: to move it there later, libav would have to
    open the file a second time, which a file in memory cannot be. Its times are in frames: in
    milliseconds, as is usual, they would cut the end.

    What the fast coder has cut into is encoded again by the careful one.
    """
    index = _MOOV_BASE + _MOOV_PER_FRAME * (tape.frames // _AAC_FRAME + 2)
    options = {**_REPRODUCIBLE, "movie_timescale": str(RATE), "moov_size": str(index)}
    with suppress(_Cut):
        return below_ceiling(tape, partial(_attempt, _AAC, tape, tags, options))
    return below_ceiling(tape, partial(_attempt, _CAREFUL_AAC, tape, tags, options))


def _attempt(
    codec: _Codec, tape: Tape, tags: Tags, options: dict[str, str], blocks: Iterable[Pcm]
) -> tuple[BytesIO, Peaks]:
    target = BytesIO()
    with av.open(target, "w", format=codec.container, options=options) as container:
        container.metadata.update(title=tags.title, artist=tags.model, comment=tags.comment)
        stream = container.add_stream(codec.name, rate=RATE, options=dict(codec.options))
        stream.layout = _LAYOUT
        stream.bit_rate = codec.bits_per_second
        container.start_encoding()
        with Monitor(codec.decoder, stream.codec_context.extradata, codec.delay) as monitor:
            for frame in _frames(monitor.beside(blocks), _FORMATS[tape.bit_depth]):
                for packet in stream.encode(frame):
                    container.mux(packet)
                    monitor.feed(packet)
            peaks = monitor.peaks()
    if monitor.kept() < codec.least_kept:
        raise _Cut
    target.seek(0)
    return target, peaks


def _frames(blocks: Iterable[Pcm], sample_format: str) -> Iterator[AudioFrame | None]:
    """*blocks* as libav wants it, and its end mark.

    Without times the containers would not say how much of the first frame is to be cut.
    """
    position = 0
    for block in blocks:
        frame = AudioFrame.from_ndarray(block.reshape(1, -1), sample_format, _LAYOUT)
        frame.sample_rate = RATE
        frame.time_base = Fraction(1, RATE)
        frame.pts = position
        position += len(block)
        yield frame
    yield None
