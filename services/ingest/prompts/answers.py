"""What the API answers about images; each docstring here is part of the published description."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from services.ingest.edge.schemas import Id, Link, OneOf, Time, described, links
from services.ingest.prompts.records import Seen
from services.ingest.tracks import catalog
from services.ingest.tracks.answers import Style


@described
class ImagePrompt(TypedDict):
    """What an image sounds like, ready for `POST /v1/tracks`."""

    image_id: Id
    """The same for the same image of the same tenant; a track can be asked for with it."""
    prompt: str
    """Ten to sixty words."""
    style: Style
    tempo: Annotated[str, OneOf(catalog.TEMPO_WORDS)]
    mood: str
    energy: Annotated[float, Field(ge=0, le=1)]
    palette: list[str]
    """Colours and textures, in words."""
    model: str
    """Which model has looked at it."""
    created_at: Time
    expires_at: Time
    """Then it is forgotten."""
    links: Annotated[dict[str, Link], links("self", "tracks")]


def shown(name: str, seen: Seen, base: str) -> ImagePrompt:
    """The answer about an image; *base*: URL that links begin with."""
    return {
        "image_id": name,
        "prompt": seen.prompt,
        "style": seen.style,
        "tempo": seen.tempo,
        "mood": seen.mood,
        "energy": seen.energy,
        "palette": list(seen.palette),
        "model": seen.model,
        "created_at": seen.created_at.isoformat(),
        "expires_at": seen.expire_at.isoformat(),
        "links": {"self": f"{base}/v1/prompts/{name}", "tracks": f"{base}/v1/tracks"},
    }
