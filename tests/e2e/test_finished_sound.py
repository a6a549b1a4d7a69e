"""Long tracks, loops and all formats through the whole stack, judged by ffmpeg."""

import hashlib
import io
import json
import struct
from typing import Any

import numpy as np
import pytest
import soundfile
from google.cloud.storage import Blob

from tests.support.ffmpeg import decode, listen
from tests.support.rig import Rig, Sent

RATE = 48_000
FORMATS = ["wav", "flac", "mp3", "ogg", "m4a"]
MIME = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
}


def files(rig: Rig, sent: Sent) -> dict[str, bytes]:
    """Every file of a completed track, as its link gives it."""
    track = rig.ended(sent.id)
    assert track["status"] == "completed", track["error"]
    got = {}
    for file in track["audio"]:
        answer = rig.http.get(file["href"], timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == MIME[file["format"]] == file["mime_type"]
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
        assert len(answer.content) == file["size_bytes"]
        got[file["format"]] = answer.content
    return got


@pytest.fixture(scope="module")
def song(shared_rig: Rig) -> tuple[Sent, dict[str, bytes]]:
    """A minute of music in every format."""
    sent = shared_rig.submit(
        prompt="an uplifting drive along the coast with drums and guitar",
        style="rock",
        tempo=120,
        duration_seconds=65.7,
        formats=FORMATS,
        bit_depth=24,
    )
    return sent, files(shared_rig, sent)


def test_every_format_is_as_long_and_as_loud_as_asked(
    shared_rig: Rig, song: tuple[Sent, dict[str, bytes]]
) -> None:
    sent, sounds = song
    shown = shared_rig.get(sent.id)["sound"]
    assert list(sounds) == FORMATS
    frames = round(65.7 * RATE)
    for name, data in sounds.items():
        heard = listen(data)
        assert heard.loudness_lufs == pytest.approx(-14, abs=0.3), name
        assert heard.true_peak_dbtp <= -1.0, name
        slack = {"ogg": 960, "m4a": 1024}.get(name, 0)
        assert abs(len(decode(data)) - frames) <= slack, name
    wav = soundfile.info(io.BytesIO(sounds["wav"]))
    assert (wav.frames, wav.subtype, wav.samplerate) == (frames, "PCM_24", RATE)
    assert soundfile.info(io.BytesIO(sounds["flac"])).subtype == "PCM_24"
    assert shown["duration_seconds"] == pytest.approx(65.7)
    assert shown["clips"] == 3
    assert shown["loudness_lufs"] == pytest.approx(-14, abs=0.3)
    assert shown["tempo"]["bpm"] == pytest.approx(120, rel=0.005)


def test_a_tracks_description_is_where_its_links_lead(
    shared_rig: Rig, song: tuple[Sent, dict[str, bytes]]
) -> None:
    sent, _ = song
    links = shared_rig.get(sent.id)["links"]
    peaks = shared_rig.http.get(links["waveform"], timeout=30).json()
    assert (peaks["version"], peaks["sample_rate"], peaks["bits"]) == (2, RATE, 8)
    assert len(peaks["data"]) == 2 * peaks["length"]
    assert peaks["length"] == -(-round(65.7 * RATE) // peaks["samples_per_pixel"])
    png = shared_rig.http.get(links["spectrogram"], timeout=30)
    assert png.headers["Content-Type"] == "image/png"
    width, height = struct.unpack(">II", png.content[16:24])
    assert width > 600
    assert height > 200
    metadata = shared_rig.http.get(links["metadata"], timeout=30).json()
    assert [clip["place"].split()[0] for clip in metadata["clips"]] == [
        "opening", "climax", "ending",
    ]  # fmt: skip
    assert len({clip["seed"] for clip in metadata["clips"]}) == 3
    assert metadata["cost_usd"] == pytest.approx(0.18)


def test_the_objects_are_what_the_ending_recorded(
    shared_rig: Rig, song: tuple[Sent, dict[str, bytes]]
) -> None:
    sent, _ = song
    result = shared_rig.document(sent.id)["result"]
    client = shared_rig.storage()
    for part in (*result["audio"], *result["sides"]):
        blob: Any = Blob.from_uri(part["uri"], client=client)
        blob.reload()
        assert (blob.generation, blob.crc32c) == (part["generation"], part["crc32c"])
        assert (blob.size, blob.content_type) == (part["size_bytes"], part["mime_type"])


def test_the_prompt_is_in_no_file(song: tuple[Sent, dict[str, bytes]]) -> None:
    def holds(data: bytes, text: str) -> bool:
        return text.encode() in data or text.encode("utf-16-le") in data

    for name, data in song[1].items():
        assert not holds(data, "coast"), name
        assert holds(data, "motif-sketch"), name
        assert not holds(data, "lyria"), name
        assert holds(data, "AI-generated"), name


def test_a_loop_runs_into_its_start(shared_rig: Rig) -> None:
    sent = shared_rig.submit(
        prompt="steady electronic groove with drums",
        style="electronic",
        tempo=120,
        duration_seconds=15,
        loop=True,
        seed=3,
    )
    data = files(shared_rig, sent)["wav"]
    once = decode(data).astype(np.float64) / 32768
    bars = len(once) / RATE / 2.0
    assert bars == pytest.approx(round(bars), abs=0.005), "a bar at 120 beats is 2 s"
    assert abs(len(once) / RATE - 15) <= 1.0
    steps = np.abs(np.diff(np.concatenate([once, once[:1]]), axis=0)).max(axis=1)
    assert steps[-1] <= np.quantile(steps, 0.9999)
    edge = [float(np.sqrt(np.square(part).mean())) for part in (once[-4800:], once[:4800])]
    assert min(edge) > 0.01, "no fade at either end"
    metadata = json.loads(
        shared_rig.http.get(shared_rig.get(sent.id)["links"]["metadata"], timeout=30).content
    )
    assert metadata["loop"] is True


def test_the_quote_grows_with_the_length(shared_rig: Rig) -> None:
    url = f"{shared_rig.info['api']}/v1/tracks"
    body = {"prompt": "five minutes of rain", "duration_seconds": 300, "max_cost_usd": 0.59}
    answer = shared_rig.http.post(url, json=body, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["code"] == "max_cost_exceeded"
    assert "0.60" in answer.json()["detail"]
