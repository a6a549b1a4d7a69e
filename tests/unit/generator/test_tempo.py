"""The tempo of whole tracks: what was asked for, what is heard, and beats that go on over joins."""

from typing import Any

import numpy as np
import pytest

from services.generator.audio.pcm import RATE
from services.generator.audio.tempo import Expected
from services.generator.audio.timeline import Segment
from services.generator.model import ClipRequest
from services.generator.sound import Sound, _expected
from shared.messages import TrackRequest
from tests.support import listening
from tests.support.finished import clips, new_track, prepared
from tests.unit.generator.audio import composed, riff


def request(**fields: Any) -> TrackRequest:
    return TrackRequest(**{"style": "rock", "duration_seconds": 45.0, "seed": 3} | fields)


def played(asked: ClipRequest) -> bytes:
    return riff.wav(composed.asked(asked.prompt, asked.seed))


def track(**fields: Any) -> Sound:
    made = new_track(request(**fields))
    return prepared(made, clips(made, played))


@pytest.mark.parametrize(
    ("prompt", "tempo", "expected"),
    [
        ("a tune", "moderate", Expected(105, exact=False)),
        ("a tune", "slow", Expected(75, exact=False)),
        ("a tune", "fast", Expected(140, exact=False)),
        ("a tune", "97", Expected(97, exact=True)),
        ("a tune at 180 BPM", "97", Expected(97, exact=True)),
        ("a tune at 180 BPM", "slow", Expected(180, exact=True)),
        ("180bpm drum and bass", "moderate", Expected(180, exact=True)),
        ("from 80 bpm to 120 Bpm, please", "moderate", Expected(120, exact=True)),
        ("at 92.5 BPM", "moderate", Expected(92.5, exact=True)),
        ("at 40 BPM", "moderate", Expected(40, exact=True)),
        ("at 220 BPM", "moderate", Expected(220, exact=True)),
        ("at 180 BPM, no, 240 BPM or 39 BPM", "slow", Expected(180, exact=True)),
        ("at 1180 BPM", "moderate", Expected(105, exact=False)),
        ("at 9 BPM", "moderate", Expected(105, exact=False)),
        ("opus 120, bpm unknown, 120 bpmx", "moderate", Expected(105, exact=False)),
    ],
)
def test_a_number_in_the_prompt_says_more_than_a_word(
    prompt: str, tempo: str, expected: Expected
) -> None:
    assert _expected(request(prompt=prompt, tempo=tempo)) == expected


def octaves_off(bpm: float, true_bpm: float) -> float:
    """How far a tempo is from the true one, its double or its half, as a share."""
    return min(abs(bpm / true_bpm / octave - 1) for octave in (0.5, 1, 2))


def beats_apart(leaving: Segment, entering: Segment, overlap: int, bpm: float) -> float:
    """By how much of a beat two clips miss each other, which both began on a beat."""
    end = leaving.start + leaving.frames - overlap
    apart = (end - entering.start) / RATE * bpm / 60
    return abs(apart - round(apart))


DRIVING = "driving fast tune with drums"


@pytest.mark.parametrize(
    ("style", "prompt", "bpm"),
    [
        ("rock", f"{DRIVING}, 180 BPM", 180),
        ("jazz", f"{DRIVING}, 174 BPM", 174),
        ("rock", DRIVING, 155),
    ],
)
def test_two_clips_are_one_piece_in_one_tempo(style: str, prompt: str, bpm: float) -> None:
    """Without a number the composer's own tempo is *bpm*."""
    sound = track(style=style, prompt=prompt)
    assert len(sound.versions) == 2
    assert sound.tempo is not None
    assert octaves_off(sound.tempo.bpm, bpm) < 0.001
    wave = np.concatenate(list(sound.source.blocks()))
    assert octaves_off(listening.tempo(wave), bpm) < 0.003
    before, after = sound.source._segments
    assert beats_apart(before, after, after.overlap, bpm) < 0.06


@pytest.mark.parametrize(
    ("asked", "bpm", "tempo", "seconds"),
    [(18.3, 120, "moderate", 18), (44.4, 180, "moderate", 44), (18.3, 120, "120", 18)],
)
def test_a_loop_in_a_tempo_that_was_asked_for_is_exact(
    asked: float, bpm: float, tempo: str, seconds: float
) -> None:
    """Also of two clips; repeated, it goes on in its beat."""
    prompt = f"{DRIVING}, {bpm} BPM" if tempo == "moderate" else DRIVING
    sound = track(prompt=prompt, tempo=tempo, duration_seconds=asked, loop=True)
    assert sound.source.frames == seconds * RATE
    assert sound.tempo is not None
    assert sound.tempo.bpm == bpm
    segments, overlap = sound.source._segments, sound.source._loop_overlap
    assert beats_apart(segments[-1], segments[0], overlap, bpm) < 0.06
