"""From written notes to played ones: seconds, swing, a slowing end, and human unevenness."""

from dataclasses import dataclass

from deploy.local.vertex.music.compose import Part
from deploy.local.vertex.music.piece import BAR, Piece
from deploy.local.vertex.music.wav import SECONDS

_JITTER = {"drums": 0.004, "bass": 0.005, "walk": 0.008, "sustain": 0.012}
_OTHER_JITTER = 0.01
_UNEVEN = 0.05
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
    force = 1 + 0.08 * piece.brief.energy
    strikes = []
    for note in part.notes:
        late = dice.uniform(-jitter, jitter)
        start = max(0.0, seconds(piece, note.beat) + late)
        end = min(max(start + 0.03, seconds(piece, note.beat + note.beats) + late), SECONDS)
        velocity = LOUDEST * note.velocity * force * (1 + dice.uniform(-_UNEVEN, _UNEVEN))
        if start < SECONDS:
            strikes.append(Strike(start, end, note.pitch, max(1, min(LOUDEST, round(velocity)))))
    return strikes


def seconds(piece: Piece, beat: float) -> float:
    """When a beat comes: off-beats wait for the swing, the last bar for the ending."""
    whole, part = divmod(beat, 1)
    swing = piece.style.swing
    early, late = min(part, _HALF), max(part - _HALF, 0)
    swung = (early * swing + late * (1 - swing)) / _HALF
    ending = min(1.0, max(0.0, (beat - piece.final.start + BAR) / BAR))
    return (whole + swung + piece.style.ritard * ending * ending) * 60 / piece.bpm
