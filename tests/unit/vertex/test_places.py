"""Clips of one longer piece: what they share, and what their place makes of it."""

import itertools

import pytest

from deploy.local.vertex.music.compose import Part, compose
from deploy.local.vertex.music.perform import perform, seconds
from deploy.local.vertex.music.piece import Note, Piece
from deploy.local.vertex.music.prompts import STYLES, read
from deploy.local.vertex.music.wav import SECONDS

PLACES = {
    "opening": ", opening section, building up",
    "development": ", development section, in full flow",
    "climax": ", climax section, at its height",
    "ending": ", ending section, coming to a close",
}
UNENDING = ("opening", "development", "climax")
TEMPI = ("40 BPM", "slow", "99.5 BPM", "fast", "220 BPM")
every_style = pytest.mark.parametrize("style", STYLES)
every_tempo = pytest.mark.parametrize("tempo", TEMPI)


def clip(
    place: str, style: str, tempo: str = "moderate", seed: int = 1
) -> tuple[Piece, list[Part]]:
    words = f"Generate {style} music: a letter from home with a violin, {tempo} tempo"
    return compose(read(f"{words}{PLACES[place]}"), seed)


def notes(parts: list[Part]) -> list[Note]:
    return [note for part in parts for note in part.notes]


@every_tempo
@every_style
def test_key_tempo_and_players_are_those_of_the_whole_words(style: str, tempo: str) -> None:
    clips = [clip(place, style, tempo, seed) for seed, place in enumerate(PLACES)]
    assert len({(piece.tonic, piece.major, piece.bpm) for piece, _ in clips}) == 1
    players = [{(p.line.name, p.player.program) for p in parts} for _, parts in clips]
    for some, others in itertools.permutations(players, 2):
        only = {name for name, _ in some} & {name for name, _ in others}
        assert {p for p in some if p[0] in only} == {p for p in others if p[0] in only}


@every_tempo
@every_style
def test_all_but_the_ending_go_on_beyond_their_last_sample(style: str, tempo: str) -> None:
    for place in UNENDING:
        piece, parts = clip(place, style, tempo)
        assert piece.final is None
        assert seconds(piece, piece.sections[-1].end) >= SECONDS
        last = max(strike.end for part in parts for strike in perform(piece, part))
        assert last > SECONDS - 60 / piece.bpm
        assert seconds(piece, 40) - seconds(piece, 39) == pytest.approx(60 / piece.bpm)


@every_tempo
@every_style
def test_the_ending_comes_to_its_final_chord(style: str, tempo: str) -> None:
    piece, parts = clip("ending", style, tempo)
    assert piece.final
    assert piece.final.chord.root == 0
    assert 24 <= seconds(piece, piece.final.start) <= 29.3
    last = [note for note in notes(parts) if note.beat >= piece.final.start]
    assert len({note.pitch for note in last}) >= 3


@every_style
def test_all_begin_on_a_beat_and_only_the_opening_has_an_intro(style: str) -> None:
    for place in PLACES:
        piece, parts = clip(place, style)
        assert min(note.beat for note in notes(parts)) == 0
        assert (piece.sections[0].letter == "I") == (place == "opening")


@every_style
def test_the_opening_builds_up(style: str) -> None:
    piece, _ = clip("opening", style)
    energies = [section.passage.energy for section in piece.sections]
    assert energies == sorted(energies)
    assert energies[-1] > energies[0] + 0.3


@every_style
def test_the_climax_is_densest_and_highest(style: str) -> None:
    struck, pitch = {}, {}
    for place in PLACES:
        pieces = [clip(place, style, seed=seed)[1] for seed in range(3)]
        struck[place] = sum(len(notes(parts)) for parts in pieces)
        lead = [
            n.pitch for parts in pieces for p in parts if p.line.name == "lead" for n in p.notes
        ]
        pitch[place] = sum(lead) / len(lead)
    for place in ("opening", "development", "ending"):
        assert struck["climax"] > 1.1 * struck[place]
        assert pitch["climax"] > pitch[place] + 2


def strokes(place: str, style: str, seed: int) -> set[float]:
    """When the lead strikes in sections on theme A, in beats from their start."""
    piece, parts = clip(place, style, "90 BPM", seed)
    found: set[float] = set()
    for note in notes([part for part in parts if part.line.name == "lead"]):
        section = piece.at(note.beat)
        if section and section.passage.theme == "A" and section.letter != "I":
            found.add(round(note.beat - section.start, 3))
    return found


@every_style
def test_clips_share_their_theme_whatever_their_seeds(style: str) -> None:
    """The lead's rhythm is the same but for notes left out and ornaments."""
    one, other = (strokes("climax", style, seed) for seed in (4, 5))
    assert len(one & other) > 0.75 * len(one | other)
    opening = strokes("opening", style, 6)
    assert len(opening & one) > 0.75 * len(opening)


@every_style
def test_clips_share_their_chords_whatever_their_seeds(style: str) -> None:
    one, other = (clip("climax", style, seed=seed)[0] for seed in (4, 5))
    assert one.sections == other.sections


@every_style
def test_the_development_turns_the_themes_over(style: str) -> None:
    piece, _ = clip("development", style)
    opening, _ = clip("opening", style)
    assert {s.passage.theme for s in piece.sections} >= {"a", "b"}
    assert {s.passage.theme for s in opening.sections} <= {"A", "B"}
    first = [span.chord for span in piece.sections[1].spans]
    assert first != [span.chord for span in opening.sections[1].spans]


@every_style
def test_another_seed_plays_the_same_themes_otherwise(style: str) -> None:
    one, other = (notes(clip("climax", style, seed=seed)[1]) for seed in (1, 2))
    assert one != other
