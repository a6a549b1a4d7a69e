"""The sound: exact format, same bytes everywhere, styles and tempi that a machine can hear."""

import hashlib
import io
import os
import struct
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.prompts import STYLES
from deploy.local.vertex.music.sketch import sketch, stems
from deploy.local.vertex.music.wav import FRAMES, RATE, pcm
from tests.support.listening import (
    CURVE_RATE,
    boundaries,
    brightness,
    joined,
    onset_density,
    onsets,
    tempo,
)

BASE = "Generate {} music: a lantern on the water, {} tempo"
ENSEMBLE = "Generate {} music: a piece for {}, moderate tempo"
OTHER_PROCESS = """
import hashlib, sys
from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.sketch import sketch
print(hashlib.sha256(sketch(sys.argv[1], "drums", 7, soundfont())).hexdigest())
"""


@lru_cache
def clip(style: str, tempo: str = "moderate", negative: str = "", seed: int = 7) -> bytes:
    return sketch(BASE.format(style, tempo), negative, seed, soundfont())


@lru_cache
def sound(style: str, tempo: str = "moderate") -> NDArray[np.float32]:
    samples, rate = soundfile.read(io.BytesIO(clip(style, tempo)), dtype="float32")
    assert rate == RATE
    heard: NDArray[np.float32] = samples
    return heard


def test_the_bytes_are_the_same_in_every_process() -> None:
    here = hashlib.sha256(clip("classical", negative="drums")).hexdigest()
    command = [sys.executable, "-c", OTHER_PROCESS, BASE.format("classical", "moderate")]
    env = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": "."}
    other = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    assert other.stdout.strip() == here


def test_seed_prompt_and_negative_prompt_change_the_music() -> None:
    assert clip("electronic") != clip("electronic", seed=8)
    assert clip("electronic") != clip("electronic", "97.3 BPM")
    assert clip("classical") != clip("classical", negative="drums")


@pytest.mark.parametrize("style", STYLES)
def test_the_file_is_as_long_and_as_shaped_as_lyrias(style: str) -> None:
    file = clip(style)
    assert len(file) == 88 + FRAMES * 4 == 6_291_544
    with soundfile.SoundFile(io.BytesIO(file)) as reader:
        assert (reader.frames, reader.samplerate, reader.channels) == (1_572_864, 48_000, 2)
        assert (reader.format, reader.subtype) == ("WAV", "PCM_16")
        assert reader.software == "motif-sketch"


def test_the_header_is_fmt_then_info_then_data() -> None:
    header = clip("jazz")[:88]
    assert (header[:4], header[8:12]) == (b"RIFF", b"WAVE")
    assert struct.unpack("<I", header[4:8])[0] == 88 + FRAMES * 4 - 8
    assert [header[at : at + 4] for at in (12, 36, 80)] == [b"fmt ", b"LIST", b"data"]
    assert struct.unpack("<I", header[84:])[0] == FRAMES * 4


@pytest.mark.parametrize("style", STYLES)
def test_a_clip_is_loud_enough_never_clipped_and_ends_in_silence(style: str) -> None:
    samples = sound(style)
    assert 0.5 < np.abs(samples).max() < 0.95
    assert 0.05 < np.sqrt((samples**2).mean()) < 0.25
    assert np.abs(samples[-RATE // 20 :]).max() < 0.01
    assert np.abs(samples[: 2 * RATE]).max() > 0.02, "it starts at once"
    seconds = samples[: 32 * RATE].reshape(32, -1)
    assert np.sqrt((seconds[:30] ** 2).mean(axis=1)).min() > 0.005, "no hole"


@pytest.mark.parametrize("style", STYLES)
def test_a_clip_is_stereo(style: str) -> None:
    left, right = sound(style).T
    assert 0.2 < np.corrcoef(left, right)[0, 1] < 0.99


@pytest.mark.parametrize(
    ("style", "words", "bpm"),
    [("rock", "slow", 84), ("rock", "152 BPM", 152), ("electronic", "97.3 BPM", 97.3)],
)
def test_the_tempo_is_heard(style: str, words: str, bpm: float) -> None:
    """A number to half a percent, a word to three beats a minute; up to an octave."""
    ratio = tempo(sound(style, words)) / bpm
    exact = 0.005 if "BPM" in words else 3.5 / bpm
    assert min(abs(ratio / octave - 1) for octave in (0.5, 1, 2)) < exact


def test_the_styles_can_be_told_apart() -> None:
    struck = {style: onset_density(sound(style)) for style in STYLES}
    assert min(struck[s] for s in ("rock", "electronic", "jazz", "instrumental")) > max(
        struck[s] for s in ("ambient", "classical")
    )
    assert brightness(sound("rock")) > brightness(sound("ambient"))


def test_without_drums_there_are_none() -> None:
    def attacks(negative: str) -> float:
        samples = pcm(clip("electronic", negative=negative)).astype(np.float32) / 32768
        return float(np.percentile(onsets(samples[8 * RATE : 28 * RATE]), 99))

    assert attacks("drums, percussion") < 0.8 * attacks("")


NAMED = (
    ("rock", "piano", "saxophone", "bells", "choir"),
    ("jazz", "guitar", "strings", "harp"),
    ("ambient", "drums", "flute", "organ"),
    ("classical", "synth", "bass", "brass"),
)


@lru_cache
def heard(style: str, *instruments: str) -> dict[str, NDArray[np.float32]]:
    return dict(stems(ENSEMBLE.format(style, " and ".join(instruments)), "", 3, soundfont()))


@pytest.mark.parametrize("names", NAMED)
def test_each_named_instrument_is_heard_in_the_mix(names: tuple[str, ...]) -> None:
    every = heard(*names)
    mix = np.square(sum(every.values())).mean()
    for instrument in names[1:]:
        assert 10 * np.log10(np.square(every[instrument]).mean() / mix) > -25


def test_stems_add_up_to_the_clip() -> None:
    """All but what mastering does to it; the last chord is left out, which dies away."""
    style, *names = NAMED[3]
    whole = pcm(sketch(ENSEMBLE.format(style, " and ".join(names)), "", 3, soundfont()))
    cut = 25 * RATE
    mix = np.asarray(sum(heard(*NAMED[3]).values()))[:cut].ravel()
    mastered = whole[:cut].ravel() / 32768
    quiet = np.abs(mastered) < 0.5
    gain = (mix[quiet] @ mastered[quiet]) / (mix[quiet] @ mix[quiet])
    np.testing.assert_allclose(gain * mix[quiet], mastered[quiet], atol=1e-3)


PLACES = {
    "opening": ", opening section, building up",
    "development": ", development section, in full flow",
    "climax": ", climax section, at its height",
    "ending": ", ending section, coming to a close",
}


@lru_cache
def placed(place: str) -> NDArray[np.float32]:
    prompt = BASE.format("rock", "101 BPM") + PLACES[place]
    samples = pcm(sketch(prompt, "", len(place), soundfont())).astype(np.float32)
    samples /= 32768
    return samples


@pytest.mark.parametrize("place", ["opening", "development", "climax"])
def test_what_is_to_go_on_is_as_loud_at_its_last_sample(place: str) -> None:
    samples = placed(place)
    beat = round(60 / 101 * RATE)
    ends, around = (np.sqrt((samples[-n:] ** 2).mean()) for n in (2 * beat, 8 * beat))
    assert ends > 0.7 * around
    assert np.abs(samples[-RATE // 20 :]).max() > 0.05


@pytest.mark.parametrize("place", PLACES)
def test_every_place_starts_on_a_beat_and_keeps_to_its_grid(place: str) -> None:
    """Folded at the eighth note, the onsets are strongest within 30 ms of frame 0."""
    curve = onsets(placed(place)[: 28 * RATE])
    eighth = 30 / 101
    phase = np.arange(len(curve)) / CURVE_RATE / eighth % 1
    folded = np.bincount((phase * 30).astype(int), curve, 30)
    strongest = float(np.argmax(folded + np.roll(folded, -1))) / 30 * eighth
    assert min(strongest, eighth - strongest) < 0.03
    assert folded.max() > 2 * np.median(folded)


def test_the_climax_is_louder_than_what_leads_to_it_and_away() -> None:
    loud = {place: float(np.square(placed(place)[: 24 * RATE]).mean()) for place in PLACES}
    assert all(loud["climax"] > 1.2 * loud[place] for place in set(PLACES) - {"climax"})


def test_the_whole_of_four_places_is_one_piece_of_sections() -> None:
    whole = joined([placed(place) for place in PLACES], 2 * RATE)[: 120 * RATE]
    assert len(boundaries(whole)) >= 2
    assert tempo(whole) == pytest.approx(101, rel=0.005)
