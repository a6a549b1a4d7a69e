"""From measures to music: which of a dozen scenes the image is most like, and how that sounds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from deploy.local.vertex.vision.features import Features

_SLOW, _FAST = 0.36, 0.64
_TEXTURES: Final = ("long held notes and much air", "gentle patterns", "busy, restless figures")


@dataclass(frozen=True)
class Scene:
    """A kind of image, how much an image is like it, and its music."""

    fits: Callable[[Features], float]
    style: str
    energy: float
    mood: str
    palette: tuple[str, ...]
    music: str


SCENES: Final = {
    "sunset": Scene(
        lambda f: 1.5 * f.warm * f.tint + 0.6 * f.colour - 5 * f.edges - 0.3 * f.dark - 3 * f.lamps,
        *("ambient", 0.2, "golden, wistful", ("amber", "rose", "gold")),
        "warm analog pads and a distant felt piano, glowing and slowly fading",
    ),
    "storm": Scene(
        lambda f: 1.0 - f.tint + 1.6 * (0.5 - f.light) - 4 * f.lamps - f.dark,
        *("classical", 0.85, "dark, dramatic", ("slate", "charcoal", "white flashes")),
        "urgent low strings, timpani rolls and stabbing brass, swelling and breaking",
    ),
    "city at night": Scene(
        lambda f: 0.8 * f.dark + 12 * min(f.lamps, 0.1) + 3 * min(f.edges, 0.2),
        *("electronic", 0.6, "nocturnal, restless", ("neon", "black", "sodium yellow")),
        "pulsing synth bass, tight drum machine and shimmering arpeggios over wet streets",
    ),
    "quiet night": Scene(
        lambda f: 1.2 * f.dark - 6 * f.edges - 9 * f.lamps - 0.5 * f.colour,
        *("jazz", 0.3, "late, intimate", ("ink", "midnight blue", "smoke")),
        "brushed drums, upright bass and a muted trumpet, close and unhurried",
    ),
    "forest": Scene(
        lambda f: 1.8 * f.green * f.tint + 1.5 * f.edges - 0.3 * f.bright,
        *("instrumental", 0.5, "earthy, alive", ("moss", "bark brown", "fern green")),
        "fingerpicked acoustic guitar, wooden flute and hand percussion, dappled and organic",
    ),
    "sea and sky": Scene(
        lambda f: (
            1.6 * f.cool * min(1.0, 3 * f.colour) + 0.4 * f.light - 2 * f.edges - 0.5 * f.dark
        ),
        *("ambient", 0.4, "open, calm", ("azure", "foam white", "deep blue")),
        "wide airy pads, soft bell tones and slow tidal swells",
    ),
    "snow": Scene(
        lambda f: 1.2 * f.bright + 0.8 * (1 - f.tint) + 0.5 * f.light - 3 * f.edges - 0.6,
        *("classical", 0.15, "still, pure", ("white", "silver", "pale blue")),
        "sparse solo piano and a thin string quartet, cold and spacious",
    ),
    "carnival": Scene(
        lambda f: (
            1.6 * f.variety
            + 2 * f.edges
            + 0.9 * f.colour
            + 0.5 * f.light
            - 0.9 * max(f.warm, f.green, f.cool, f.violet)
            - 0.9 * f.dark
        ),
        *("rock", 0.85, "joyful, loud", ("scarlet", "sun yellow", "turquoise")),
        "driving electric guitars, handclaps and a bright organ riff",
    ),
    "dusk": Scene(
        lambda f: 2.0 * f.violet * min(1.0, 3 * f.colour) + 0.2 * f.light,
        *("electronic", 0.35, "dreamy, mysterious", ("violet", "magenta", "indigo")),
        "soft detuned synths, a slow heartbeat kick and breathy choir textures",
    ),
    "room": Scene(
        lambda f: 1.4 - 2 * abs(f.light - 0.5) - 1.2 * abs(f.tint - 0.3) - f.variety - f.dark,
        *("jazz", 0.48, "easy, familiar", ("oak", "cream", "brass")),
        "mellow electric piano, walking bass and a relaxed ride cymbal",
    ),
}


def describe(found: Features) -> dict[str, Any]:
    """What Gemini would answer with its schema, as far as colour, light and edges can tell."""
    scene = SCENES[max(SCENES, key=lambda name: SCENES[name].fits(found))]
    busy = 2.2 * found.edges + 0.8 * found.contrast + 0.4 * found.variety
    energy = min(1.0, max(0.0, scene.energy + 0.3 * (min(busy, 1.0) - 0.35)))
    step = (energy >= _SLOW) + (energy >= _FAST)
    tempo = ("slow", "moderate", "fast")[step]
    light = "bright" if found.light > 0.6 else "shadowed" if found.light < 0.3 else "half-lit"  # noqa: PLR2004 - thirds
    return {
        "mood": scene.mood,
        "energy": round(energy, 2),
        "palette": [*scene.palette, light],
        "style": scene.style,
        "tempo": tempo,
        "prompt": f"{scene.mood} {scene.style} piece with {scene.music}, {_TEXTURES[step]},"
        f" {light} and {'full of contrast' if found.contrast > 0.25 else 'evenly toned'}",  # noqa: PLR2004 - of 0.5
    }
