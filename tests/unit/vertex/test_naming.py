"""Which instruments a text is understood to want, and which to refuse."""

import pytest

from deploy.local.vertex.music.instruments import INSTRUMENTS, families, named
from deploy.local.vertex.music.prompts import read


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a cello and a flute", [("strings", 42), ("flute", 73)]),
        ("two pianos and strings", [("piano", 0), ("strings", 48)]),
        ("electric guitar over an electric piano", [("guitar", 27), ("piano", 4)]),
        ("a bass guitar and a bass drum", [("bass", 33), ("drums", 0)]),
        ("drums, bass, brass", [("drums", 0), ("bass", 33), ("brass", 61)]),
        ("a French horn, a pan flute", [("brass", 60), ("flute", 75)]),
        ("piano, more piano", [("piano", 0)]),
        ("Generate electronic music: synths, fast tempo", [("synth", 81)]),
        ("wind over snow, a beat of the heart, a melody", []),
        ("Generate electronic music: a drive, fast tempo", []),
    ],
)
def test_named_instruments_are_wanted_in_their_order(
    text: str, wanted: list[tuple[str, int]]
) -> None:
    brief = read(text)
    assert list(brief.wanted) == wanted
    assert not brief.avoid


@pytest.mark.parametrize(
    ("text", "avoid", "wanted"),
    [
        ("no drums", "drums", ""),
        ("without any electric guitar", "guitar", ""),
        ("without heavy drums, a harp", "drums", "harp"),
        ("no drums or bass, a piano", "drums bass", "piano"),
        ("no drums, brass or choir, with a flute", "drums brass choir", "flute"),
        ("without drums, no piano, with strings", "drums piano", "strings"),
        ("no vocals, just piano", "choir", "piano"),
        ("no vocals but a piano", "choir", "piano"),
        ("without drums and bass. Guitar", "drums bass", "guitar"),
        ("no drums, guitar with a bit of harp or choir", "drums", "guitar harp choir"),
        ("no drums, guitar without harp or choir", "drums harp choir", "guitar"),
        ("no wind, no singing, no solo", "flute saxophone reeds choir lead", ""),
        ("no rain on my piano", "", "piano"),
    ],
)
def test_refusals_reach_as_far_as_they_are_meant(text: str, avoid: str, wanted: str) -> None:
    brief = read(text)
    assert brief.avoid == set(avoid.split())
    assert [family for family, _ in brief.wanted] == wanted.split()


def test_all_that_the_negative_prompt_names_is_refused() -> None:
    brief = read("a harp, a choir", "vocals, electric guitar, no heavy drums, low quality, beats")
    assert brief.avoid == {"choir", "guitar", "drums"}
    assert [family for family, _ in brief.wanted] == ["harp", "choir"]


@pytest.mark.parametrize("family", INSTRUMENTS)
def test_every_program_is_heard_as_the_family_that_names_it(family: str) -> None:
    for program in INSTRUMENTS[family]:
        assert families(program, kit=family == "drums")[0] == family


def test_no_name_is_given_twice() -> None:
    names = [name for name, _ in named()]
    assert len(names) == len(set(names))
