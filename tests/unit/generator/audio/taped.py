"""Finished tapes to encode, and the tags that they carry."""

import numpy as np

from services.generator.audio.encoders import Tags, wav_head
from services.generator.audio.mastering import MasterSpec, render, solve
from services.generator.audio.pcm import BLOCK, Pcm, Samples, to_integers
from services.generator.audio.tape import Tape
from tests.unit.generator.audio import material

TAGS = Tags("Größe, 夜 and a half", "lyria-002", "AI-generated: made by Motif")


def tape(pcm: Pcm, tags: Tags = TAGS) -> Tape:
    """All of *pcm*: 16 bit, or 24 bits in the high bytes of 32."""
    bits = 16 if pcm.dtype == np.int16 else 24
    made = Tape(len(pcm), bits, wav_head(len(pcm), bits, tags))
    for start in range(0, len(pcm), BLOCK):
        made.write(pcm[start : start + BLOCK])
    made.close()
    return made


def samples(made: Tape) -> Pcm:
    return np.concatenate(list(made.blocks()))


def mastered(wave: Samples, target: float, ceiling: float = -1.5) -> Tape:
    spec = MasterSpec(loudness_lufs=target, ceiling_dbtp=ceiling)
    piece = material.Piece(wave)
    made = Tape(piece.frames, 16, wav_head(piece.frames, 16, TAGS))
    render(piece, solve(piece, spec), spec, made)
    return made


def music(seconds: float, bit_depth: int = 16) -> Pcm:
    """Chords that never repeat, under drums, and nothing that a codec would cut off."""
    time = np.arange(round(seconds * 48_000)) / 48_000
    tones = [np.sin(2 * np.pi * (hertz + 9 * time) * time) for hertz in (110.0, 277.2, 659.3)]
    beats = 0.2 + 0.8 * np.exp(-np.mod(time, 0.25) / 0.05)
    wave = np.stack([tones[0] + tones[1], tones[0] + tones[2]], axis=1) * beats[:, None]
    return to_integers((wave * 0.4).astype(np.float32), bit_depth)
