"""The notes: form, harmony and ranges, for every style and tempo."""

import itertools
import random
from collections.abc import Sequence

import pytest

from deploy.local.vertex.music.compose import Part, compose
from deploy.local.vertex.music.grooves import BALANCE, CRASH
from deploy.local.vertex.music.melody import _phrases
from deploy.local.vertex.music.perform import perform, seconds
from deploy.local.vertex.music.piece import Note, Piece
from deploy.local.vertex.music.prompts import STYLES, read
from deploy.local.vertex.music.styles import STYLES as STYLE_TABLES
from deploy.local.vertex.music.wav import SECONDS

TEMPI = (40, 61, 75, 76, 99, 120, 149, 151, 187, 220)
PIECES = [(style, bpm) for style in STYLES for bpm in TEMPI]
every_style = pytest.mark.parametrize("style", STYLES)
every_piece = pytest.mark.parametrize(("style", "bpm"), PIECES)


def composed(prompt: str, *, negative: str = "", seed: int = 1) -> tuple[Piece, dict[str, Part]]:
    piece, parts = compose(read(prompt, negative), seed)
    return piece, {part.line.name: part for part in parts}


def of_style(style: str, bpm: float = 100, seed: int = 1) -> tuple[Piece, dict[str, Part]]:
    return composed(f"Generate {style} music: a letter from home, {bpm} BPM", seed=seed)


@every_piece
def test_a_piece_has_an_opening_a_reprise_and_an_ending(style: str, bpm: int) -> None:
    piece, _ = of_style(style, bpm)
    letters = "".join(section.letter for section in piece.sections)
    assert letters.lstrip("I") in {"AC", "ABC", "AABC"}
    assert piece.bpm == bpm
    assert piece.final
    assert 24 <= seconds(piece, piece.final.start) <= 29.3
    assert piece.final.chord.root == 0


@every_piece
def test_sections_and_chords_follow_without_gap(style: str, bpm: int) -> None:
    piece, _ = of_style(style, bpm)
    assert piece.final
    spans = [span for section in piece.sections for span in section.spans] + [piece.final]
    assert spans[0].start == 0
    for before, after in itertools.pairwise(spans):
        assert before.end == pytest.approx(after.start)
        assert before.following == after.chord


@every_piece
def test_every_note_can_be_played(style: str, bpm: int) -> None:
    piece, parts = of_style(style, bpm)
    for part in parts.values():
        for note in part.notes:
            assert note.beats > 0
            assert note.velocity > 0
            if part.line.figure == "drums":
                assert note.pitch in BALANCE
            else:
                assert part.line.low - 3 <= note.pitch <= part.line.high + 12
        for strike in perform(piece, part):
            assert 0 <= strike.start < strike.end <= SECONDS
            assert 1 <= strike.velocity <= 127


@every_style
def test_the_melody_rests_on_the_chord(style: str) -> None:
    """Long notes on strong beats belong to the chord: few exceptions, all at cadences."""
    for seed in range(6):
        piece, parts = of_style(style, seed=seed)
        strong = [n for n in parts["lead"].notes if n.beat % 2 == 0 and n.beats >= 0.9]
        inside = [n for n in strong if sounds_in_chord(piece, n)]
        assert len(inside) >= 0.9 * len(strong)


def sounds_in_chord(piece: Piece, note: Note) -> bool:
    section = piece.at(note.beat)
    span = section.at(note.beat) if section else piece.final
    assert span
    return (note.pitch - piece.tonic) % 12 in span.chord.notes


@every_style
def test_melodies_move_by_steps_more_than_by_leaps(style: str) -> None:
    steps = leaps = 0
    for seed in range(6):
        _, parts = of_style(style, seed=seed)
        pitches = [note.pitch for note in parts["lead"].notes]
        moves = [abs(a - b) for a, b in itertools.pairwise(pitches)]
        steps += sum(move <= 4 for move in moves)
        leaps += sum(move > 7 for move in moves)
    assert steps > 5 * leaps


@every_style
def test_the_opening_motif_comes_back(style: str) -> None:
    """The third slot of A has the rhythm and the contour of the first."""
    piece, parts = of_style(style, seed=2)
    section = next(s for s in piece.sections if s.letter == "A")
    line = parts["lead"] if "A" in parts["lead"].line.plays else None
    if line is None:
        assert style in {"ambient", "electronic"}, "these keep the melody for later"
        section = next(s for s in piece.sections if s.letter == "C")
        line = parts["lead"]
    first, third = (
        rhythm(line.notes, section.start + k * section.slot, section.slot) for k in (0, 2)
    )
    assert first[0] == third[0]


def rhythm(notes: Sequence[Note], start: float, beats: float) -> list[float]:
    return [round(n.beat - start, 3) for n in notes if start <= n.beat < start + beats]


@every_style
def test_the_bass_plays_the_root_when_the_chord_changes(style: str) -> None:
    piece, parts = of_style(style)
    name = {"ambient": "sub", "classical": "cello"}.get(style, "bass")
    basses = [part for part in (parts[name], parts.get("drone")) if part]
    for span in (span for section in piece.sections[1:] for span in section.spans):
        low = [n for p in basses for n in p.notes if span.start <= n.beat < span.end]
        first = min(low, key=lambda n: n.beat)
        assert (first.pitch - piece.tonic) % 12 == span.chord.bass


def test_words_alone_decide_key_mode_and_tempo() -> None:
    one, _ = of_style("jazz", seed=1)
    other, _ = of_style("jazz", seed=2)
    assert (one.tonic, one.major, one.bpm) == (other.tonic, other.major, other.bpm)
    keys = {composed(f"Generate jazz music: song {k}, fast tempo")[0].tonic for k in range(12)}
    assert len(keys) > 3


def test_another_seed_plays_other_notes() -> None:
    _, one = of_style("instrumental", seed=1)
    _, other = of_style("instrumental", seed=2)
    assert one["lead"].notes != other["lead"].notes
    assert one["lead"].player.program == other["lead"].player.program


def test_moods_choose_the_mode() -> None:
    for style in STYLES:
        bright, _ = composed(f"Generate {style} music: a joyful morning, moderate tempo")
        dark, _ = composed(f"Generate {style} music: a mournful evening, moderate tempo")
        assert bright.major
        assert not dark.major


def test_tempo_words_choose_the_tempo() -> None:
    for style in STYLES:
        slow, moderate, fast = (
            composed(f"Generate {style} music: a walk, {word} tempo")[0].bpm
            for word in ("slow", "moderate", "fast")
        )
        assert slow * 1.1 < moderate < fast / 1.05


@pytest.mark.parametrize("style", ["instrumental", "rock", "electronic", "jazz"])
def test_a_drummer_marks_turns_and_fills(style: str) -> None:
    """Two bars of four are the groove, one turns, the last fills; ghost strokes come and go."""
    piece, parts = of_style(style, 110)
    section = next(s for s in piece.sections if s.letter == "C")
    bars = []
    for number in range(4):
        start = section.start + 4 * number
        loud = [n for n in parts["drums"].notes if n.velocity > 0.4 and n.pitch != CRASH]
        bar = [n for n in loud if start <= n.beat < start + 4]
        bars.append({(n.pitch, n.beat - start, round(n.velocity, 3)) for n in bar})
    assert bars[0] == bars[2]
    assert len({frozenset(strokes) for strokes in bars}) == 3
    assert len(parts["drums"].notes) > 100


@pytest.mark.parametrize(("style", "name"), [("instrumental", "bass"), ("classical", "cello")])
def test_another_section_brings_another_rhythm(style: str, name: str) -> None:
    """C plays as A did, B does not; their first chords are compared."""
    piece, parts = of_style(style, 110)
    rhythms = {}
    for section in piece.sections:
        beats = (note.beat - section.start for note in parts[name].notes)
        rhythms[section.letter] = {beat for beat in beats if 0 <= beat < section.slot}
    assert rhythms["A"] != rhythms["B"]
    assert rhythms["A"] == rhythms["C"]


def test_small_letters_are_themes_upside_down() -> None:
    phrases = _phrases(STYLE_TABLES["rock"].tune, random.Random(1))
    for upright, turned in zip(phrases["A"], phrases["a"], strict=True):
        assert upright.cell == turned.cell
        assert [-move for move in upright.moves] == list(turned.moves)
        assert any(upright.moves[1:])


def test_a_section_swells_and_falls() -> None:
    piece, parts = of_style("classical", 92)
    held = Part(parts["broken"].player, tuple(Note(k / 2, 0.5, 60, 0.6) for k in range(80)))
    section = next(s for s in piece.sections if s.letter == "A")
    strikes = [strike for strike in perform(piece, held) if strike.start >= 0]
    first, middle = (
        sum(s.velocity for s in strikes if at <= s.start < at + 2)
        for at in (seconds(piece, section.start), seconds(piece, section.start + 6))
    )
    assert middle > 1.05 * first


def test_jazz_swings_and_rock_does_not() -> None:
    jazz, _ = of_style("jazz", 120)
    rock, _ = of_style("rock", 120)
    assert seconds(rock, 4.5) - seconds(rock, 4) == pytest.approx(0.25)
    assert 0.3 < seconds(jazz, 4.5) - seconds(jazz, 4) < 0.35
    assert seconds(jazz, 5) == pytest.approx(2.5)
