"""A key named in a prompt is the key that is played."""

import pytest

from deploy.local.vertex.music.compose import compose
from deploy.local.vertex.music.keys import Key, named_key
from deploy.local.vertex.music.prompts import STYLES, read

TONICS = ("C", "C sharp", "D", "Eb", "E", "F", "F#", "G", "A♭", "A", "B flat", "B")


@pytest.mark.parametrize("mode", ["major", "minor", "Major", "MINOR", "maj", "min"])
@pytest.mark.parametrize(("tonic", "name"), [*enumerate(TONICS)])
def test_all_keys_are_known_in_any_case(tonic: int, name: str, mode: str) -> None:
    key = Key(tonic, major=mode.lower().startswith("maj"))
    for said in (name, name.lower(), name.upper()):
        assert named_key(f"a song in {said} {mode}, slow tempo") == key


@pytest.mark.parametrize(
    ("text", "tonic", "major"),
    [
        ("F#minor", 6, False),
        ("c#-minor", 1, False),
        ("an f-sharp major tune", 6, True),
        ("B-flat minor lament", 10, False),
        ("bb minor lament", 10, False),
        ("a b minor lament", 11, False),
        ("Cb major, strange", 11, True),
        ("B sharp minor, stranger", 0, False),
        ("D harmonic minor", 2, False),
        ("first C major, then E minor", 4, False),
        ("a minor", 9, False),
        ("A minor, slow", 9, False),
        ("a song in a minor. Piano", 9, False),
        ("a waltz in A minor with strings", 9, False),
        ("the key of a minor with strings", 9, False),
        ("key: A major piano", 9, True),
        ("an a-minor lament", 9, False),
        ("in ab major with strings", 8, True),
    ],
)
def test_keys_are_read_as_people_write_them(text: str, tonic: int, major: bool) -> None:
    assert named_key(text) == Key(tonic, major)


@pytest.mark.parametrize(
    "text",
    [
        "a minor setback",
        "A minor setback",
        "in a minor key, sad",
        "a walk. A major storm",
        "minor chords in d",
        "vitamin major",
        "he'd minor in arts",
        "h minor",
        "d minors",
        "5 min",
        "E, minor",
        "",
    ],
)
def test_what_names_no_key_is_none(text: str) -> None:
    assert named_key(text) is None


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("tonic", "name"), [*enumerate(TONICS)])
def test_it_is_played_in_each_style(style: str, tonic: int, name: str) -> None:
    for mode in ("major", "minor"):
        prompt = f"Generate {style} music: a joyful night in {name} {mode}, moderate tempo"
        piece, parts = compose(read(prompt), 1)
        assert (piece.tonic, piece.major) == (tonic, mode == "major")
        assert piece.final
        assert piece.final.chord.root == 0
        assert all(part.notes for part in parts if part.line.plays)
        assert all(0 < note.pitch < 128 for part in parts for note in part.notes)


def test_the_key_of_the_prompt_outweighs_its_mood() -> None:
    happy, sad = (
        compose(read(f"Generate rock music: a {mood} song in {key}, fast tempo"), 1)[0]
        for mood, key in (("happy, joyful and bright", "D minor"), ("sad", "A major"))
    )
    assert (happy.tonic, happy.major) == (2, False)
    assert (sad.tonic, sad.major) == (9, True)


def test_clips_of_one_piece_are_in_the_key_that_was_named() -> None:
    for place in ("opening section, building up", "ending section, coming to a close"):
        prompt = f"Generate jazz music: a walk in E flat minor, slow tempo, {place}"
        piece, _ = compose(read(prompt), 1)
        assert (piece.tonic, piece.major) == (3, False)
