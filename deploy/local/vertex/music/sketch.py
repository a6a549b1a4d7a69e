"""One call: words and a seed in, a finished WAV out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from deploy.local.vertex.music.compose import Part, compose
from deploy.local.vertex.music.grooves import KICK
from deploy.local.vertex.music.perform import seconds
from deploy.local.vertex.music.piece import Piece
from deploy.local.vertex.music.prompts import read
from deploy.local.vertex.music.render import render
from deploy.local.vertex.music.space import Audio, add_echo, add_reverb, duck, master
from deploy.local.vertex.music.wav import FRAMES, wav

_SENDS: Final = {"drums": 0.25, "dry": 0.05, "room": 1.0, "echo": 1.0}
"""How much of each bus goes to the room."""
_DUCK_SECONDS: Final = 0.35
_LEVELS: Final = {None: 0.15, "opening": 0.13, "development": 0.14, "climax": 0.16, "ending": 0.13}
"""Root mean square of a clip, by its place in a longer piece."""


def sketch(prompt: str, negative_prompt: str, seed: int, font: Path) -> bytes:
    """32.768 s of music as WAV bytes; equal arguments give equal bytes, in any process.

    Raises RuntimeError if the SoundFont cannot be read.
    """
    piece, parts = compose(read(prompt, negative_prompt), seed)
    mix = _mixed(piece, parts, font, _kicks(piece, parts))
    last_chord = seconds(piece, piece.final.start) if piece.final else None
    return wav(master(mix, last_chord, _LEVELS[piece.brief.place]))


def stems(prompt: str, negative_prompt: str, seed: int, font: Path) -> Mapping[str, Audio]:
    """What each family of instruments adds to the mix, shape (FRAMES, 2), its room included.

    Their sum is the mix before it is mastered.
    """
    piece, parts = compose(read(prompt, negative_prompt), seed)
    families = sorted({part.family for part in parts})
    kicks = _kicks(piece, parts)
    return {
        family: _mixed(piece, [part for part in parts if part.family == family], font, kicks)
        for family in families
    }


def _mixed(piece: Piece, parts: list[Part], font: Path, kicks: Sequence[float]) -> Audio:
    mix = np.zeros((FRAMES, 2), np.float32)
    send = np.zeros(FRAMES, np.float32)
    for bus, share in _SENDS.items():
        players = [part for part in parts if part.line.bus == bus]
        if players:
            sound = render(piece, players, font)
            _treat(sound, piece, bus, kicks)
            mix += sound
            sound *= np.float32(share * piece.style.space.wet)
            send += sound[:, 0]
            send += sound[:, 1]
    add_reverb(mix, send, piece.style.space.decay)
    return mix


def _treat(sound: Audio, piece: Piece, bus: str, kicks: Sequence[float]) -> None:
    """What happens to one bus before it meets the others; `kicks` in seconds."""
    space = piece.style.space
    if bus == "echo" and space.echo:
        add_echo(sound, space.echo_beats * 60 / piece.bpm, space.echo)
    if bus != "drums" and space.pump:
        duck(sound, kicks, space.pump, _DUCK_SECONDS)


def _kicks(piece: Piece, parts: Sequence[Part]) -> list[float]:
    drums = (note for part in parts if part.line.figure == "drums" for note in part.notes)
    return [seconds(piece, note.beat) for note in drums if note.pitch == KICK]
