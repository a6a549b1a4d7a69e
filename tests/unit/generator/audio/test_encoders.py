"""Files as other programs see them: ffmpeg and libsndfile are the judges."""

import hashlib
import io
import re
import struct
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from services.generator.audio.encoders import ENCODERS, Tags, wav_head
from services.generator.audio.encoders.gapless import _crc16
from services.generator.audio.encoders.mp3 import _to_16_bit
from services.generator.audio.pcm import BLOCK, RATE, Pcm
from services.generator.audio.tape import Tape, UnfinishedTape
from services.generator.audio.wav import read_header
from tests.unit.generator.audio import ffmpeg, taped

LOSSY = [name for name, encoder in ENCODERS.items() if encoder.lossy]
FRAME = {"ogg": 960, "m4a": 1024}
AWKWARD = [48_000, 48_001, 48_383, 50_111, 7 * BLOCK]
"""Frames: on either side of a whole number of MP3 frames, and of blocks."""


def _file(name: str, tape: Tape, tags: Tags = taped.TAGS) -> bytes:
    file = ENCODERS[name].encode(tape, tags)
    assert file.tell() == 0
    return file.read()


def _noise(frames: int, bit_depth: int) -> Pcm:
    rng = np.random.default_rng(frames)
    if bit_depth == 16:
        return rng.integers(-(2**15), 2**15, (frames, 2), np.int16)
    return rng.integers(-(2**23), 2**23, (frames, 2), np.int32) << 8


def _error(decoded: Pcm, pcm: Pcm, shift: int = 0) -> float:
    """RMS of the difference when *decoded* is taken to be so many frames late."""
    inner = slice(RATE // 4, 3 * RATE // 4)
    moved = decoded[inner.start + shift : inner.stop + shift].astype(float)
    return float(np.sqrt(np.mean((moved - pcm[inner]) ** 2)))


def test_the_formats_are_those_of_the_api() -> None:
    rows = [(name, row.extension, row.mime_type, row.lossy) for name, row in ENCODERS.items()]
    assert rows == [
        ("wav", "wav", "audio/wav", False),
        ("flac", "flac", "audio/flac", False),
        ("mp3", "mp3", "audio/mpeg", True),
        ("ogg", "ogg", "audio/ogg", True),
        ("m4a", "m4a", "audio/mp4", True),
    ]


@pytest.mark.parametrize("frames", AWKWARD)
@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("name", ["wav", "flac"])
def test_wav_and_flac_hold_exactly_the_samples(name: str, bit_depth: int, frames: int) -> None:
    pcm = _noise(frames, bit_depth)
    data = _file(name, taped.tape(pcm))
    form = f"s{8 * pcm.itemsize}le"
    assert ffmpeg.run("-i", "-", "-f", form, "-", stdin=data).stdout == pcm.tobytes()
    read, rate = soundfile.read(io.BytesIO(data), dtype=f"int{8 * pcm.itemsize}")
    assert np.array_equal(read, pcm)
    assert rate == RATE
    assert soundfile.info(io.BytesIO(data)).subtype == f"PCM_{bit_depth}"


@pytest.mark.parametrize("frames", AWKWARD)
def test_mp3_is_cut_to_exactly_the_samples(frames: int) -> None:
    pcm = taped.music(frames / RATE)
    data = _file("mp3", taped.tape(pcm))
    by_sndfile, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == RATE
    for decoded in (ffmpeg.decode(data), by_sndfile):
        assert len(decoded) == frames
        assert _error(decoded, pcm) < 0.1 * min(_error(decoded, pcm, 1), _error(decoded, pcm, -1))


def test_the_first_mp3_frame_tells_of_the_others() -> None:
    data = _file("mp3", taped.tape(taped.music(1.0)))
    stream = data[data.index(b"\xff\xfb") :]
    frames, size = struct.unpack_from(">II", stream, 36 + 8)
    assert stream[36:40] == b"Info"
    assert (frames + 1) * 768 == size == len(stream)
    assert struct.unpack_from(">I", stream, 156 + 28) == (size,)
    assert struct.unpack_from(">H", stream, 190) == (_crc16(stream[:190]),)
    assert _crc16(b"123456789") == 0xBB3D


@pytest.mark.parametrize("frames", AWKWARD)
@pytest.mark.parametrize("name", FRAME)
def test_opus_and_m4a_begin_and_end_where_they_should(name: str, frames: int) -> None:
    pcm = taped.music(frames / RATE)
    decoded = ffmpeg.decode(_file(name, taped.tape(pcm)))
    assert 0 <= len(decoded) - frames < FRAME[name]
    errors = [_error(decoded, pcm, shift) for shift in (-1, 0, 1)]
    assert errors[1] < 0.6 * min(errors[0], errors[2])


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_formats_take_24_bits_as_well_as_16(name: str) -> None:
    coarse, fine = taped.music(1.0), taped.music(1.0, 24)
    errors = [_error(ffmpeg.decode(_file(name, taped.tape(pcm))), coarse) for pcm in (coarse, fine)]
    assert errors[1] == pytest.approx(errors[0], rel=0.05)


def test_rounding_to_16_bits_never_wraps_around() -> None:
    steps = np.array([[2**31 - 256, -(2**31)], [32_767, 32_768], [-32_768, -32_769]], np.int32)
    assert _to_16_bit(steps).tolist() == [[32_767, -32_768], [0, 1], [0, -1]]


@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("name", ENCODERS)
def test_every_file_says_what_it_is_and_that_a_machine_made_it(name: str, bit_depth: int) -> None:
    data = _file(name, taped.tape(taped.music(2.5, bit_depth)))
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", "-"]
    shown = subprocess.run(program, input=data, capture_output=True, check=False).stderr.decode()
    tags = dict(re.findall(r"^ +(\w+) *: (.+?)\s*$", shown, re.MULTILINE))
    assert tags["title"] == taped.TAGS.title
    assert tags["artist"] == taped.TAGS.model
    assert tags["comment"] == taped.TAGS.comment
    assert re.search(r"Audio: .*48000 Hz, (stereo|2 channels)", shown)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_length_is_in_the_head(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"track.{name}"
    path.write_bytes(_file(name, taped.tape(taped.music(2.5))))
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    shown = subprocess.run(program, capture_output=True, check=False).stderr.decode()
    (seconds,) = re.findall(r"Duration: 00:00:0(\d\.\d\d)", shown)
    assert float(seconds) == pytest.approx(2.5, abs=0.021)
    assert "Estimating" not in shown


@pytest.mark.parametrize("length", range(6))
def test_the_wav_is_one_riff_of_whole_chunks(length: int) -> None:
    tags = Tags("t" * length, "model", "comment")
    pcm = _noise(1_001, 24)
    data = _file("wav", taped.tape(pcm, tags))
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert data.startswith(wav_head(1_001, 24, tags))
    info = read_header(data)
    assert (info.sample_rate, info.channels, info.bits, info.frames) == (RATE, 2, 24, 1_001)
    assert info.data_offset + 1_001 * 6 == len(data)
    assert data.index(b"LIST") < info.data_offset


def test_the_m4a_plays_while_it_is_loaded() -> None:
    for frames in (RATE, 61 * RATE):
        data = _file("m4a", taped.tape(np.zeros((frames, 2), np.int16)))
        assert 0 < data.index(b"moov") < data.index(b"mdat")
        assert ffmpeg.decode(data).shape[0] >= frames


_HASHES = """
import hashlib
from services.generator.audio.encoders import ENCODERS
from services.generator.audio.spectrogram import spectrogram
from tests.unit.generator.audio import taped
tape = taped.tape(taped.music(3.3))
for encoder in ENCODERS.values():
    print(hashlib.sha256(encoder.encode(tape, taped.TAGS).read()).hexdigest())
print(hashlib.sha256(spectrogram(tape)).hexdigest())
"""


def test_another_process_makes_the_same_bytes() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", _HASHES], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    tape = taped.tape(taped.music(3.3))
    here = [hashlib.sha256(_file(name, tape)).hexdigest() for name in ENCODERS]
    assert runs[0].splitlines()[:-1] == here


@pytest.mark.parametrize("name", ENCODERS)
def test_a_tape_is_read_while_it_grows(name: str) -> None:
    pcm = taped.music(2.1)
    whole = _file(name, taped.tape(pcm))
    growing = Tape(len(pcm), 16, wav_head(len(pcm), 16, taped.TAGS))
    files: list[bytes] = []
    reader = threading.Thread(target=lambda: files.append(_file(name, growing)))
    reader.start()
    for start in range(0, len(pcm), 1_777):
        growing.write(pcm[start : start + 1_777])
    growing.close()
    reader.join()
    assert files == [whole]


@pytest.mark.parametrize("name", ENCODERS)
def test_a_tape_that_fails_fails_its_encoder_and_leaves_no_thread(name: str) -> None:
    before = threading.active_count()
    broken = Tape(RATE)
    broken.write(np.zeros((2 * BLOCK, 2), np.int16))
    broken.close(RuntimeError("the writer"))
    with pytest.raises(UnfinishedTape):
        ENCODERS[name].encode(broken, taped.TAGS)
    assert threading.active_count() == before


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "wav"])
def test_memory_is_little_more_than_the_file(name: str) -> None:
    tape = taped.tape(np.concatenate([taped.music(5.0)] * 6))
    tracemalloc.start()
    try:
        size = ENCODERS[name].encode(tape, taped.TAGS).seek(0, io.SEEK_END)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.3 * size + 3 * 2**20
