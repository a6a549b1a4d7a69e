"""From written notes to played ones: seconds, swing, a slowing end, and human unevenness."""

import math
from dataclasses import dataclass

from deploy.local.vertex.music.compose import Part
from deploy.local.vertex.music.piece import BAR, Note, Piece
from deploy.local.vertex.music.wav import SECONDS

_JITTER = {"drums": 0.004, "bass": 0.005, "walk": 0.008, "sustain": 0.012}
_OTHER_JITTER = 0.01
_UNEVEN = 0.05
_SWELL = 0.06
_HALF = 0.5
LOUDEST = 127


@dataclass(frozen=True)
class Strike:
    """A note as played: seconds from the start, MIDI pitch, MIDI velocity 1 to 127."""

    start: float
    end: float
    pitch: int
    velocity: int


def perform(piece: Piece, part: Part, hand: str = "") -> list[Strike]:
    """Play a part; another `hand` plays the same notes a little differently."""
    dice = piece.dice(f"{part.line.name}/hand{hand}")
    jitter = _JITTER.get(part.line.figure, _OTHER_JITTER)
    force = LOUDEST * (1 + 0.08 * piece.brief.mood.energy)
    strikes = []
    for note in part.notes:
        late = dice.uniform(-jitter, jitter)
        start = max(0.0, seconds(piece, note.beat) + late)
        end = min(max(start + 0.03, seconds(piece, note.beat + note.beats) + late), SECONDS)
        velocity = force * _swell(piece, note) * (1 + dice.uniform(-_UNEVEN, _UNEVEN))
        if start < SECONDS:
            strikes.append(Strike(start, end, note.pitch, max(1, min(LOUDEST, round(velocity)))))
    return strikes


def _swell(piece: Piece, note: Note) -> float:
    """The velocity of a note, 0 to 1: a section breathes in to its middle and out again."""
    section = piece.at(note.beat)
    if section is None:
        return note.velocity
    place = (note.beat - section.start) / (section.end - section.start)
    return note.velocity * (1 - _SWELL + 8 * _SWELL * place * (1 - place))


def seconds(piece: Piece, beat: float) -> float:
    """When a beat comes: off-beats wait for the swing, the last bar for the ending."""
    whole, part = divmod(beat, 1)
    swing = piece.style.swing
    early, late = min(part, _HALF), max(part - _HALF, 0)
    swung = (early * swing + late * (1 - swing)) / _HALF
    last = piece.final.start if piece.final else math.inf
    ending = min(1.0, max(0.0, (beat - last + BAR) / BAR))
    return (whole + swung + piece.style.ritard * ending * ending) * 60 / piece.bpm
