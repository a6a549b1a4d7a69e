"""The vocabulary of the style tables: what a line of music is told, and what a style is."""

from dataclasses import dataclass
from typing import Literal

Bus = Literal["drums", "dry", "room", "echo"]


@dataclass(frozen=True)
class Line:
    """One player and how it plays.

    `figure` names a function of `figures`; `programs` are General MIDI programs to choose from
    (drum kits for drums); `low` and `high` bound its MIDI pitches; `level` is in dB against a
    lead; `plays` lists the sections it joins (I intro, A, B, C, F final chord), none if it waits
    to be named in a prompt; `pan` runs from -1 to 1; `spread` above 0 doubles it to both sides.

    A drummer's `patterns` name its groove. All others are bars to choose from, one sign a step:
    `.` rest, `-` hold, a digit that note of the chord from below, `x` the chord, `X` louder, `o`
    softer; in a bass `R` root, `3`, `5`, `8` octave, `a` a step towards the next root. `vary`
    chooses anew for each chord, `gate` is the share of its time that a note sounds, `roll` the
    beats between chord notes.
    """

    name: str
    figure: str
    programs: tuple[int, ...]
    low: int
    high: int
    level: float
    plays: str
    pan: float = 0.0
    spread: float = 0.0
    bus: Bus = "room"
    patterns: tuple[str, ...] = ()
    shape: Literal["close", "open", "power", "rootless"] = "close"
    vary: bool = False
    gate: float = 0.95
    roll: float = 0.0


@dataclass(frozen=True)
class Harmony:
    """Chord progressions of one mode: four slots each, a comma splits a slot."""

    scale: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    cadence: str
    end: str


@dataclass(frozen=True)
class Tune:
    """How a melody moves: rhythms of one slot (`x` note, `-` hold, `.` rest), chances of habits.

    `leap` instead of a step, `bend` the direction, `repeat` a note, `chromatic` approach to a
    beat, `ornament` in the reprise.
    """

    cells: tuple[str, ...]
    closes: tuple[str, ...]
    leap: float = 0.15
    bend: float = 0.3
    repeat: float = 0.12
    chromatic: float = 0.0
    ornament: float = 0.25
    pentatonic: bool = False


@dataclass(frozen=True)
class Space:
    """The room: seconds of reverberation, how much of it, and the echo in beats."""

    decay: float
    wet: float
    echo_beats: float = 0.0
    echo: float = 0.0
    pump: float = 0.0


@dataclass(frozen=True)
class Style:
    """Everything that makes one style.

    `tempi` are beats per minute for slow, moderate and fast; `swing` is the share of the beat
    that its first half takes; `major_share` how often a prompt without mood is in major; `keys`
    are tonics above C; `ritard` how many beats the last bar is late.
    """

    tempi: tuple[int, int, int]
    major: Harmony
    minor: Harmony
    major_share: float
    keys: tuple[int, ...]
    tune: Tune
    space: Space
    lines: tuple[Line, ...]
    swing: float = 0.5
    ritard: float = 0.0
