"""The six styles as tables: tempi, chords, tunes, players and their places, rooms."""

from collections.abc import Mapping
from typing import Final

from deploy.local.vertex.music.style import Style
from deploy.local.vertex.music.styles.ambient import AMBIENT
from deploy.local.vertex.music.styles.classical import CLASSICAL
from deploy.local.vertex.music.styles.electronic import ELECTRONIC
from deploy.local.vertex.music.styles.instrumental import INSTRUMENTAL
from deploy.local.vertex.music.styles.jazz import JAZZ
from deploy.local.vertex.music.styles.rock import ROCK

STYLES: Final[Mapping[str, Style]] = {
    "instrumental": INSTRUMENTAL,
    "ambient": AMBIENT,
    "classical": CLASSICAL,
    "rock": ROCK,
    "electronic": ELECTRONIC,
    "jazz": JAZZ,
}
