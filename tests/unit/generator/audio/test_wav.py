import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.audio.wav import WavInfo, judge, pcm, read_header
from shared.errors import Code, PermanentError
from tests.unit.generator.audio import ffmpeg, riff

DATA = riff.chunk(b"data", riff.ramp().tobytes())


@pytest.mark.parametrize(
    ("before", "offset"),
    [
        ([], 44),
        ([riff.chunk(b"LIST", b"x" * 36)], 88),
        ([riff.chunk(b"odd ", b"x" * 7)], 60),
        ([riff.chunk(b"none", b"")], 52),
        ([riff.chunk(b"JUNK", b"data" * 3), riff.chunk(b"fact", b"\0" * 4)], 76),
    ],
)
def test_walks_to_the_samples_wherever_they_begin(before: list[bytes], offset: int) -> None:
    data = riff.wav(riff.ramp(), *before)
    assert read_header(data) == WavInfo(48_000, 2, 16, 100, offset)
    assert np.array_equal(pcm(data), riff.ramp())


def test_the_samples_are_not_copied_and_not_to_be_changed() -> None:
    data = bytearray(riff.wav(riff.ramp()))
    seen = pcm(memoryview(data))
    data[-2:] = struct.pack("<h", -7)
    assert seen[-1, 1] == -7
    assert not pcm(bytes(data)).flags.writeable


def test_reads_the_extensible_header() -> None:
    data = riff.riff(riff.extensible(), DATA)
    assert read_header(memoryview(data)) == WavInfo(48_000, 2, 16, 100, 68)


@pytest.mark.parametrize("size", [0, 1, 0xFFFFFFFF])
def test_does_not_believe_the_riff_size(size: int) -> None:
    assert read_header(riff.riff(riff.fmt(), DATA, size=size)).frames == 100


def test_what_follows_the_samples_does_not_matter() -> None:
    data = riff.riff(riff.fmt(), DATA, riff.chunk(b"LIST", b"", size=99))
    assert read_header(data).frames == 100


def test_an_incomplete_last_frame_is_left_out() -> None:
    odd = riff.riff(riff.fmt(), riff.chunk(b"data", riff.ramp().tobytes() + b"xyz"))
    assert pcm(odd).shape == (100, 2)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "begins with"),
        (b"ID3\x04" + bytes(40), "begins with"),
        (b'{"error": "no audio"}', "begins with"),
        (riff.riff(riff.fmt(), DATA, magic=b"RF64"), "RF64"),
        (riff.riff(riff.fmt(), DATA, magic=b"RIFX"), "RIFX"),
        (riff.riff(riff.fmt()), "no data chunk"),
        (riff.riff(riff.fmt(), DATA)[:40], "no data chunk"),
        (riff.riff(DATA, riff.fmt()), "no format chunk"),
        (riff.riff(riff.fmt(), DATA)[:-1], "says 400 bytes, 399 are there"),
        (riff.riff(riff.fmt(), riff.chunk(b"data", b"", size=0xFFFFFFFF)), "says 4294967295"),
        (riff.riff(riff.fmt(), riff.chunk(b"LIST", b"", size=1 << 31), DATA), "LIST"),
        (riff.riff(riff.chunk(b"fmt ", bytes(14)), DATA), "only 14 bytes"),
        (riff.riff(riff.fmt(tag=3, bits=32), DATA), "0x0003 is not PCM"),
        (riff.riff(riff.fmt(tag=0xFFFE), DATA), "0xfffe is not PCM"),
        (riff.riff(riff.extensible(riff.FLOAT_GUID), DATA), "0x0003 is not PCM"),
        (riff.riff(riff.fmt(channels=0), DATA), "0 channels"),
        (riff.riff(riff.fmt(rate=0), DATA), "0 Hz"),
        (riff.riff(riff.fmt(bits=12), DATA), "12 bit"),
    ],
)
def test_refuses_everything_else_and_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(PermanentError, match=reason) as refused:
        read_header(data)
    assert refused.value.code == Code.AUDIO_INVALID
    assert judge(data) is Code.AUDIO_INVALID


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (riff.fmt(rate=44_100), "44100 Hz, 2 channels, 16 bit"),
        (riff.fmt(channels=1), "48000 Hz, 1 channels, 16 bit"),
        (riff.fmt(bits=24), "48000 Hz, 2 channels, 24 bit"),
    ],
)
def test_samples_are_48_khz_stereo_16_bit(header: bytes, found: str) -> None:
    data = riff.riff(header, DATA)
    assert read_header(data).frames > 0
    with pytest.raises(PermanentError, match=found):
        pcm(data)
    assert judge(data) is Code.AUDIO_INVALID


def test_no_samples_are_no_clip() -> None:
    empty = riff.wav(np.empty((0, 2), np.int16))
    assert read_header(empty).frames == 0
    assert judge(empty) is Code.AUDIO_INVALID


@pytest.mark.parametrize("writer", ["soundfile", "ffmpeg"])
def test_reads_what_others_write(writer: str) -> None:
    written = np.random.default_rng(3).integers(-32768, 32768, (4800, 2), np.int16)
    if writer == "soundfile":
        file = io.BytesIO()
        soundfile.write(file, written, 48_000, subtype="PCM_16", format="WAV")
        data = file.getvalue()
    else:
        data = _by_ffmpeg(written)
    assert np.array_equal(pcm(data), written)


def _by_ffmpeg(written: np.ndarray) -> bytes:
    """A pipe cannot be sought: ffmpeg leaves both sizes at their greatest value."""
    raw = ("-f", "s16le", "-ar", "48000", "-ac", "2", "-i", "-")
    data = ffmpeg.run(*raw, "-f", "wav", "-", stdin=written.tobytes()).stdout
    at = data.index(b"data") + 4
    return data[:at] + struct.pack("<I", written.nbytes) + data[at + 4 :]


VALID = riff.wav(riff.ramp(), riff.chunk(b"LIST", b"x" * 36))


def _holds(data: bytes) -> None:
    """Either a refusal with its code, or a header whose samples are really there."""
    verdict = judge(data)
    try:
        info = read_header(data)
    except PermanentError as exc:
        refusal = exc
    else:
        end = info.data_offset + info.frames * info.channels * info.bits // 8
        assert 12 < info.data_offset <= end <= len(data)
        return
    assert refusal.code == Code.AUDIO_INVALID
    assert verdict is Code.AUDIO_INVALID


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    _holds(data)
    _holds(b"RIFF\0\0\0\0WAVE" + data)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 95), st.integers(0, 255)), max_size=6),
    st.integers(0, len(VALID)),
)
def test_any_damage_is_read_or_refused(edits: list[tuple[int, int]], length: int) -> None:
    damaged = bytearray(VALID)
    for at, value in edits:
        damaged[at] = value
    _holds(bytes(damaged))
    _holds(bytes(damaged[:length]))
