"""What the stand-in of Gemini makes of colour, light and edges."""

import json
from itertools import combinations

from PIL import Image

from deploy.local.vertex.vision.features import features
from deploy.local.vertex.vision.scenes import SCENES as KNOWN
from deploy.local.vertex.vision.scenes import describe
from services.ingest.prompts.looks import understood
from tests.support.images import SCENES, encoded, ordinary

FOUR = ("sunset", "storm", "city night", "forest")


def said(image: Image.Image) -> dict[str, object]:
    return describe(features(encoded(image)))


def test_scenes_are_told_apart_however_they_are_drawn() -> None:
    for seed in range(8):
        found = {name: said(SCENES[name](seed)) for name in FOUR}
        assert len({one["style"] for one in found.values()}) == 4, seed
        assert len({one["tempo"] for one in found.values()}) == 3, seed
        for one, other in combinations(found.values(), 2):
            assert one["mood"] != other["mood"]
            assert one["prompt"] != other["prompt"]


def test_every_scene_that_is_known_makes_an_answer_that_can_be_used() -> None:
    assert len({scene.music for scene in KNOWN.values()}) == len(KNOWN)
    for name, data in ordinary(42):
        assert understood(json.dumps(describe(features(data)))), name


def test_plain_colours_are_scenes_too() -> None:
    found = {
        colour: said(Image.new("RGB", (64, 64), colour))["style"]
        for colour in ("black", "white", "orange", "darkgreen", "royalblue")
    }
    assert found == {
        "black": "jazz",
        "white": "classical",
        "orange": "ambient",
        "darkgreen": "instrumental",
        "royalblue": "ambient",
    }
