"""What every file says about itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tags:
    """Text for people and players, never the prompt; no field holds a NUL."""

    title: str
    model: str
    """Stands as the artist: the one field of a maker that every format has and players show."""
    comment: str
    """Says that the music is AI-generated."""
