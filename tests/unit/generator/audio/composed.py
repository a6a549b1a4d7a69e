"""Clips of the local composer, each made once per test run."""

from functools import lru_cache

import numpy as np

from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.sketch import sketch
from services.generator.audio.pcm import CHANNELS, Pcm16

FRAMES = 1_572_864


def clip(style: str, tempo: str, seed: int) -> Pcm16:
    return asked(f"Generate {style} music: a lantern on the water, {tempo} tempo", seed)


@lru_cache(maxsize=16)
def asked(prompt: str, seed: int) -> Pcm16:
    """What a prompt gives as it stands."""
    file = sketch(prompt, "", seed, soundfont())
    return np.frombuffer(file, "<i2", FRAMES * CHANNELS, len(file) - 4 * FRAMES).reshape(-1, 2)
