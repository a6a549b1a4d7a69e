import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.generator.audio.encode import ENCODERS, write_wav
from services.generator.audio.pcm import Pcm16
from services.generator.audio.wav import read_header, samples
from tests.unit.generator.audio import ffmpeg


@pytest.fixture
def pcm() -> Pcm16:
    return np.random.default_rng(8).integers(-32768, 32768, (9_601, 2), np.int16)


def test_the_file_holds_exactly_the_samples(tmp_path: Path, pcm: Pcm16) -> None:
    path = tmp_path / "track.wav"
    write_wav(path, pcm)
    assert np.array_equal(soundfile.read(path, dtype="int16")[0], pcm)
    decoded = ffmpeg.run("-i", str(path), "-f", "s16le", "-").stdout
    assert decoded == pcm.tobytes()
    assert soundfile.info(path).samplerate == 48_000


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_writes_the_same_bytes_each_time(name: str, pcm: Pcm16) -> None:
    first, second = io.BytesIO(), io.BytesIO()
    ENCODERS[name].write(first, pcm)
    ENCODERS[name].write(second, pcm)
    assert first.getvalue() == second.getvalue()
    assert soundfile.info(io.BytesIO(first.getvalue())).frames == len(pcm)


def test_wav_is_what_the_api_says(pcm: Pcm16) -> None:
    wav = ENCODERS["wav"]
    file = io.BytesIO()
    wav.write(file, pcm)
    assert (wav.extension, wav.mime_type) == ("wav", "audio/wav")
    assert read_header(file.getvalue()).frames == len(pcm)
    assert np.array_equal(samples(file.getvalue()) * 32768, pcm)
