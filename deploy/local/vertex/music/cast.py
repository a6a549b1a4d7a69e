"""Who plays: the style's players, the instruments that the prompt names, nobody it refuses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from deploy.local.vertex.music.guests import guest
from deploy.local.vertex.music.instruments import REGISTERS, families, usual
from deploy.local.vertex.music.piece import dice
from deploy.local.vertex.music.prompts import Brief
from deploy.local.vertex.music.style import Line, Style

_DRUMS_DB: Final = 2.5
_HEARD_DB: Final = -7.0
"""A named instrument's line is at least so loud."""
_HIGHER: Final = 7
"""Semitones between the middle and the highest register that words can ask for."""
_MAIN: Final = "ABC"
_NO_TUNE: Final = frozenset({"drums", "bass"})
_TUNES: Final = ("flute", "strings", "guitar", "piano", "synth", "bells", "saxophone", "choir")
_CHORDS: Final = ("piano", "strings", "guitar", "synth", "harp", "organ", "choir")
_BASSES: Final = ("bass",)
_BASS_FIGURES: Final = frozenset({"bass", "walk"})


@dataclass(frozen=True)
class Player:
    """A line as its player plays it, and the player's General MIDI program."""

    line: Line
    program: int

    @property
    def families(self) -> tuple[str, ...]:
        """What it is heard as, the chief family first."""
        return families(self.program, kit=self.line.figure == "drums")


def cast(style: Style, brief: Brief) -> list[Player]:
    """Everybody who plays; nobody at all if the words leave nobody."""
    wanted = [w for w in brief.wanted if w[0] not in brief.avoid]
    lead = next((w for w in wanted if w[0] not in _NO_TUNE), None)
    players = [p for line in style.lines if (p := _seated(line, brief, wanted, lead))]
    for one in wanted:
        if one != lead:
            players = _with(players, *one)
    players += _standing_in(style, brief, players)
    return [_tuned(player, brief) for player in players if player.line.plays]


def _seated(
    line: Line, brief: Brief, wanted: Sequence[tuple[str, int]], lead: tuple[str, int] | None
) -> Player | None:
    """The style's player of a line; None if nobody of its kind is wanted."""
    if line.figure == "melody" and "lead" in brief.avoid:
        return None
    kit = line.figure == "drums"
    able = [p for p in line.programs if brief.avoid.isdisjoint(families(p, kit=kit))]
    named = {family for family, _ in wanted}
    asked = [p for p in able if not named.isdisjoint(families(p, kit=kit))]
    if line.name == "lead" and lead:
        return _leading(line, lead, able, brief)
    if not able:
        return None
    return Player(line, dice(f"{brief.words}/{line.name}").choice(asked or able))


def _leading(line: Line, lead: tuple[str, int], able: Sequence[int], brief: Brief) -> Player:
    """The first instrument named has the tune; by its bare name it is the style's own kind."""
    family, program = lead
    own = [p for p in able if family in families(p)]
    if own and program == usual(family):
        program = dice(f"{brief.words}/{line.name}").choice(own)
    plays = "".join(sorted({*line.plays, *_MAIN}))
    low, high = REGISTERS.get(program, (line.low, line.high))
    return Player(replace(line, plays=plays, low=low, high=high), program)


def _with(players: Sequence[Player], family: str, program: int) -> list[Player]:
    """The players, with a named one among them who is heard in every main section."""
    own = [p for p in players if _is(p, family, program)]
    if not own:
        return [*players, Player(guest(family, program), program)]
    waiting = [p for p in own if not p.line.plays]
    missing = set(_MAIN) - set("".join(p.line.plays for p in own))
    late, plays = (waiting, {*_MAIN, "F"}) if waiting else (own[:1], missing)
    return [_louder(p, plays if p in late else set()) if p in own else p for p in players]


def _is(player: Player, family: str, program: int) -> bool:
    """Whether this is the accompanist that a name means."""
    if family == "drums":
        return player.line.figure == "drums"
    kind = player.program == program or program == usual(family)
    return player.families[0] == family and kind and player.line.name != "lead"


def _louder(player: Player, plays: set[str]) -> Player:
    line = player.line
    everywhere = "".join(sorted({*line.plays} | plays))
    return replace(player, line=replace(line, plays=everywhere, level=max(line.level, _HEARD_DB)))


def _standing_in(style: Style, brief: Brief, players: Sequence[Player]) -> Iterator[Player]:
    """Others for a tune, chords or a bass whose usual players are not wanted."""
    figures = {player.line.figure for player in players if player.line.plays}
    if "melody" not in figures and "lead" not in brief.avoid:
        lead = next(line for line in style.lines if line.name == "lead")
        yield from (_leading(lead, (f, usual(f)), (), brief) for f in _first(_TUNES, brief))
    if not figures & {"pattern", "sustain"}:
        yield from (Player(guest(f, usual(f)), usual(f)) for f in _first(_CHORDS, brief))
    if not figures & _BASS_FIGURES:
        yield from (Player(guest(f, usual(f)), usual(f)) for f in _first(_BASSES, brief))


def _first(candidates: Sequence[str], brief: Brief) -> Sequence[str]:
    """The first family that is not refused, if there is one."""
    return [family for family in candidates if family not in brief.avoid][:1]


def _tuned(player: Player, brief: Brief) -> Player:
    """Higher or lower, and drums softer or louder, as the mood is."""
    line, mood = player.line, brief.mood
    if line.figure == "drums":
        return replace(player, line=replace(line, level=line.level + _DRUMS_DB * mood.energy))
    if line.figure in _BASS_FIGURES:
        return player
    shift = round(_HIGHER * mood.register)
    return replace(player, line=replace(line, low=line.low + shift, high=line.high + shift))
