"""Who plays: named instruments are there, forbidden ones are not."""

import pytest

from deploy.local.vertex.music.compose import Part, compose
from deploy.local.vertex.music.instruments import INSTRUMENTS
from deploy.local.vertex.music.prompts import STYLES, read

MAIN = {"": "ABC", ", opening section, building up": "AB", ", climax section, at its height": "C"}
"""The main sections of a whole piece and of clips of a longer one."""
every_style = pytest.mark.parametrize("style", STYLES)
every_family = pytest.mark.parametrize("family", INSTRUMENTS)


def playing(style: str, text: str, *, negative: str = "", tail: str = "") -> list[Part]:
    prompt = f"Generate {style} music: {text}, moderate tempo{tail}"
    return compose(read(prompt, negative), 1)[1]


def name(family: str) -> str:
    """The first word for a family."""
    return next(iter(INSTRUMENTS[family].values())).split(", ")[0]


@every_family
@every_style
def test_a_named_instrument_plays_in_every_main_section(style: str, family: str) -> None:
    texts = (f"with {name(family)}", f"a cello and {name(family)}", f"drums, {name(family)}")
    for (tail, main), text in zip(MAIN.items(), texts, strict=True):
        own = [p for p in playing(style, text, tail=tail) if p.family == family]
        assert set(main) <= set("".join(part.line.plays for part in own))
        assert sum(len(part.notes) for part in own) >= 8


@every_family
@every_style
def test_a_forbidden_instrument_plays_no_note(style: str, family: str) -> None:
    instrument = name(family)
    for text, negative in ((f"{instrument} music", instrument), (f"no {instrument}", "")):
        parts = playing(style, text, negative=negative)
        assert family not in {f for part in parts for f in part.player.families}
        assert len(parts) >= 2


@every_style
def test_what_is_forbidden_leaves_tune_chords_and_bass_to_others(style: str) -> None:
    usual = {part.family for part in playing(style, "a march")}
    for family in usual:
        figures = {p.line.figure for p in playing(style, "a march", negative=name(family))}
        assert figures & {"melody"}
        assert figures & {"pattern", "sustain"}
        assert figures & {"bass", "walk"} or family == "bass"


def test_nobody_leads_when_a_melody_is_not_wanted() -> None:
    figures = {p.line.figure for p in playing("jazz", "a flute and a sax", negative="melody")}
    assert "melody" not in figures
    assert "guide" in figures


@every_style
def test_who_wants_nobody_gets_everybody(style: str) -> None:
    nothing = ", ".join(map(name, INSTRUMENTS))
    everybody = [part.player for part in playing(style, "a wall")]
    assert everybody
    assert len(playing(style, "a wall", negative=nothing)) == len(everybody)


def test_the_first_named_leads_in_its_own_register() -> None:
    parts = {part.line.name: part for part in playing("classical", "for cello and drums")}
    assert parts["lead"].player.program == 42
    assert max(note.pitch for note in parts["lead"].notes) <= 67
    parts = {part.line.name: part for part in playing("rock", "drums for a guitar hero")}
    assert parts["lead"].player.program == 29, "the style's own kind: an electric one in rock"
    parts = {part.line.name: part for part in playing("rock", "an acoustic guitar")}
    assert parts["lead"].player.program == 25


def test_a_named_accompanist_steps_forward() -> None:
    usual, named = (
        next(part.line.level for part in playing("rock", text) if part.line.name == "organ")
        for text in ("a guitar", "a guitar and an organ")
    )
    assert usual < -10
    assert named >= -7


def test_a_kit_waits_to_be_named_in_styles_without_drums() -> None:
    for style in ("classical", "ambient"):
        assert "kit" not in {part.line.name for part in playing(style, "a pond")}
        assert "kit" in {part.line.name for part in playing(style, "a pond, drums")}


def test_more_players_than_channels_may_be_named() -> None:
    everyone = " and ".join(map(name, INSTRUMENTS))
    heard = {part.family for part in playing("jazz", everyone)}
    assert heard == set(INSTRUMENTS)
