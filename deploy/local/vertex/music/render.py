"""Parts become sound: a fresh synthesizer, every instrument brought to one loudness."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import tinysoundfont
from numpy.typing import NDArray

from deploy.local.vertex.music.compose import Part
from deploy.local.vertex.music.grooves import BALANCE
from deploy.local.vertex.music.perform import LOUDEST, Strike, perform
from deploy.local.vertex.music.piece import Piece
from deploy.local.vertex.music.wav import FRAMES, RATE

_VOLUME, _PAN, _DRUM_BANK, _CHANNELS = 7, 10, 128, 16
_GAIN_DB: Final = 18.0
_REFERENCE_DB: Final = -34.0
"""A note of any instrument sounds at this level before its line's own is added."""
_SIDE_DB: Final = -3.0
_DETUNE: Final = 0.05
_FRAME_BYTES: Final = 8
_BLOCK: Final = 64
_TRIAL_VELOCITY: Final = 100


class Voice(NamedTuple):
    """A sound of the SoundFont."""

    drums: bool
    program: int
    pitch: int


@dataclass(frozen=True)
class Channel:
    """One MIDI channel: its sound, its level in dB, pan -1 to 1, tuning in semitones, notes."""

    voice: Voice
    level: float
    pan: float
    tuning: float
    strikes: Sequence[Strike]


def render(piece: Piece, parts: Sequence[Part], font: Path) -> NDArray[np.float32]:
    """The sound of some parts, shape (FRAMES, 2).

    A synthesizer that has played before keeps traces of it, so each call makes its own.
    """
    channels = [channel for part in parts for channel in _channels(piece, part)]
    bands = [channels[k : k + _CHANNELS] for k in range(0, len(channels), _CHANNELS)]
    first, *others = (_band(band, font) for band in bands)
    for other in others:
        first += other
    return first


def _band(channels: Sequence[Channel], font: Path) -> NDArray[np.float32]:
    """The sound of as many channels as a synthesizer has."""
    synth, sound = _synth(font)
    events: list[tuple[int, int, int, int]] = []
    for number, channel in enumerate(channels):
        _select(synth, sound, number, channel.voice)
        _set(synth, number, channel, _loudness(font, channel.voice))
        events += _events(number, channel.strikes)
    return _played(synth, sorted(events))


def _channels(piece: Piece, part: Part) -> Iterator[Channel]:
    """One channel for a player, two for a doubled one, one for each drum of a kit."""
    line = part.line
    voice = Voice(drums=False, program=part.player.program, pitch=(line.low + line.high) // 2)
    if line.figure == "drums":
        kit = perform(piece, part)
        for drum in sorted({strike.pitch for strike in kit}):
            voice = Voice(drums=True, program=part.player.program, pitch=drum)
            strikes = [strike for strike in kit if strike.pitch == drum]
            yield Channel(voice, line.level + BALANCE[drum], 0, 0, strikes)
    elif line.spread:
        for side, hand in ((-1, "left"), (1, "right")):
            pan = line.pan + side * line.spread
            strikes = perform(piece, part, hand)
            yield Channel(voice, line.level + _SIDE_DB, pan, side * _DETUNE, strikes)
    else:
        yield Channel(voice, line.level, line.pan, 0, perform(piece, part))


@lru_cache(maxsize=1024)
def _loudness(font: Path, voice: Voice) -> float:
    """How loud a sound is by itself, in dB: the loudest tenth of its first second.

    SoundFonts differ, and one font's instruments differ by 20 dB among themselves.
    """
    synth, sound = _synth(font)
    _select(synth, sound, 0, voice)
    synth.noteon(0, voice.pitch, _TRIAL_VELOCITY)
    trial = np.frombuffer(synth.generate(RATE), np.float32).reshape(10, -1)
    return 10 * math.log10(float(np.square(trial).mean(axis=1).max()) + 1e-12)


def _synth(font: Path) -> tuple[tinysoundfont.Synth, int]:
    synth = tinysoundfont.Synth(gain=_GAIN_DB, samplerate=RATE)
    return synth, synth.sfload(str(font))


def _select(synth: tinysoundfont.Synth, sound: int, number: int, voice: Voice) -> None:
    bank = _DRUM_BANK if voice.drums else 0
    synth.program_select(number, sound, bank, voice.program, voice.drums)


def _set(synth: tinysoundfont.Synth, number: int, channel: Channel, natural: float) -> None:
    # Gain goes with the cube of the controller (measured: 64 of 127 is -17.8 dB).
    volume = round(LOUDEST * 10 ** ((channel.level + _REFERENCE_DB - natural) / 60))
    synth.control_change(number, _VOLUME, max(1, min(LOUDEST, volume)))
    pan = max(-1.0, min(1.0, channel.pan))
    synth.control_change(number, _PAN, round((pan + 1) / 2 * LOUDEST))
    synth.set_tuning(number, channel.tuning)


def _events(number: int, strikes: Sequence[Strike]) -> Iterator[tuple[int, int, int, int]]:
    """(frame, velocity or 0 to release, channel, pitch): a release sorts before a new strike."""
    for strike in strikes:
        yield _frame(strike.start), strike.velocity, number, strike.pitch
        yield _frame(strike.end), 0, number, strike.pitch


def _frame(seconds: float) -> int:
    """The start of a synthesizer's block: from there a voice sounds the same in any company.

    Envelopes and vibrato move once a block, and a block cut short would shift those after it.
    """
    return round(seconds * RATE / _BLOCK) * _BLOCK


def _played(
    synth: tinysoundfont.Synth, events: Sequence[tuple[int, int, int, int]]
) -> NDArray[np.float32]:
    sound = memoryview(bytearray(FRAMES * _FRAME_BYTES))
    at = 0
    for frame, velocity, channel, pitch in (*events, (FRAMES, 0, 0, 0)):
        until = min(frame, FRAMES)
        if until > at:
            synth.generate_simple(until - at, sound[at * _FRAME_BYTES : until * _FRAME_BYTES])
            at = until
        if velocity:
            synth.noteon(channel, pitch, velocity)
        else:
            synth.noteoff(channel, pitch)
    return np.frombuffer(sound, np.float32).reshape(-1, 2)
