"""The body of ``POST /v1/tracks`` as a strict model, and what cures a refused field."""

import re
import unicodedata
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    field_validator,
)

from services.ingest import catalog
from shared.messages import TrackRequest
from shared.models import MODELS
from shared.targets import TargetNotAllowed

_SEEDS: Final = 2**31
_LONGEST_NEGATIVE: Final = 500
_LONGEST_KEY: Final = 64
_LONGEST_VALUE: Final = 512
_RESERVED: Final = re.compile("__.*__")
"""Firestore refuses such names, also in maps inside a document."""
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories of control, format (so bidirectional too), lone and unassigned code points."""
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters by their category, blanks by their look."""
_JOINERS: Final = frozenset("\u200c\u200d")
"""Format characters that honest text needs."""


class Submission(BaseModel):
    """One public request; unknown fields are refused by name.

    ``duration_seconds`` in seconds, whole or not, ``loudness_lufs`` in LUFS (null: untouched),
    ``tempo`` a word or beats per minute, ``max_cost_usd`` in US dollars.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    prompt: StrictStr
    style: StrictStr = "instrumental"
    tempo: StrictInt | StrictStr = "moderate"
    duration_seconds: Annotated[
        StrictFloat, Field(ge=catalog.MIN_SECONDS, le=catalog.MAX_SECONDS)
    ] = catalog.DEFAULT_SECONDS
    negative_prompt: StrictStr = ""
    seed: Annotated[StrictInt, Field(ge=0, lt=_SEEDS)] | None = None
    formats: Annotated[list[StrictStr], Field(min_length=1)] = list(catalog.DEFAULT_FORMATS)
    loudness_lufs: Annotated[StrictFloat, Field(ge=-30, le=-8)] | None = -14.0
    loop: StrictBool = False
    bit_depth: StrictInt = 16
    callback_url: StrictStr = ""
    callback_events: list[StrictStr] = []
    priority: StrictStr = "interactive"
    expires_in_seconds: Annotated[StrictInt, Field(ge=1, le=catalog.MAX_LIFETIME)] = (
        catalog.DEFAULT_LIFETIME
    )
    metadata: Annotated[dict[str, StrictStr], Field(max_length=16)] = {}
    max_cost_usd: Annotated[StrictFloat, Field(ge=0)] | None = None
    model: StrictStr = catalog.MODEL

    @field_validator("prompt")
    @classmethod
    def _prompt(cls, value: str) -> str:
        text = _clean(value).strip()
        if len(text) not in catalog.PROMPT_LENGTH:
            raise ValueError(f"must have 5 to 500 characters, not counting blanks: {len(text)}")
        if not any(c.isalnum() and c not in _FILLERS for c in text):
            raise ValueError("holds no letter and no digit")
        return text

    @field_validator("negative_prompt")
    @classmethod
    def _negative_prompt(cls, value: str) -> str:
        text = _clean(value).strip()
        if len(text) > _LONGEST_NEGATIVE:
            raise ValueError(f"must have at most {_LONGEST_NEGATIVE} characters: {len(text)}")
        return text

    @field_validator("tempo")
    @classmethod
    def _tempo(cls, value: int | str) -> int | str:
        if value not in (catalog.BPM if isinstance(value, int) else catalog.TEMPO_WORDS):
            raise ValueError("must be slow, moderate, fast, or beats per minute from 40 to 220")
        return value

    @field_validator("style")
    @classmethod
    def _style(cls, value: str) -> str:
        return _one_of(value, catalog.STYLES)

    @field_validator("model")
    @classmethod
    def _model(cls, value: str) -> str:
        return _one_of(value, tuple(MODELS))

    @field_validator("priority")
    @classmethod
    def _priority(cls, value: str) -> str:
        return _one_of(value, ("interactive", "batch"))

    @field_validator("callback_events")
    @classmethod
    def _callback_events(cls, value: list[str]) -> list[str]:
        return [_one_of(event, catalog.EVENTS) for event in dict.fromkeys(value)]

    @field_validator("formats")
    @classmethod
    def _formats(cls, value: list[str]) -> list[str]:
        return [_one_of(name, catalog.FORMATS) for name in dict.fromkeys(value)]

    @field_validator("bit_depth")
    @classmethod
    def _bit_depth(cls, value: int) -> int:
        if value not in catalog.BIT_DEPTHS:
            raise ValueError("must be 16 or 24")
        return value

    @field_validator("metadata")
    @classmethod
    def _metadata(cls, value: dict[str, str]) -> dict[str, str]:
        for key, text in value.items():
            if not 1 <= len(_clean(key)) <= _LONGEST_KEY or len(_clean(text)) > _LONGEST_VALUE:
                raise ValueError("keys take 1 to 64 characters, values at most 512")
            if _RESERVED.fullmatch(key):
                raise ValueError("keys in double underscores are reserved")
        return value

    def to_request(self) -> TrackRequest:
        """The immutable request, as every message carries it."""
        return TrackRequest(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            style=self.style,
            tempo=str(self.tempo),
            duration_seconds=self.duration_seconds,
            seed=-1 if self.seed is None else self.seed,
            model=self.model,
            formats=tuple(self.formats),
            bit_depth=self.bit_depth,
            loudness_lufs=() if self.loudness_lufs is None else (self.loudness_lufs,),
            loop=self.loop,
            priority=self.priority,
            metadata=self.metadata,
            callback_url=self.callback_url,
            callback_events=tuple(self.callback_events),
        )


CURES: Final[dict[str, str]] = {
    "prompt": "Describe the music in 5 to 500 characters of plain text.",
    "negative_prompt": "Name what to leave out in at most 500 characters of plain text.",
    "style": f"Use one of: {', '.join(catalog.STYLES)}.",
    "tempo": "Use slow, moderate, fast, or a whole number of beats per minute from 40 to 220.",
    "duration_seconds": "Use a number of seconds from 1 to 300, such as 30 or 7.5.",
    "seed": "Use a whole number from 0 to 2147483647, or leave it out.",
    "formats": f"Use a list of: {', '.join(catalog.FORMATS)}.",
    "loudness_lufs": "Use a number from -30 to -8, or null to leave the loudness untouched.",
    "loop": "Use true or false.",
    "bit_depth": "Use 16 or 24.",
    "callback_url": TargetNotAllowed.cure,
    "callback_events": f"Use a list of: {', '.join(catalog.EVENTS)}.",
    "priority": "Use interactive or batch.",
    "expires_in_seconds": "Use a whole number of seconds from 1 to 604800.",
    "metadata": "Use at most 16 pairs of strings: keys up to 64 characters, values up to 512.",
    "max_cost_usd": "Use a number of US dollars that is not below the price, or leave it out.",
    "model": f"Use one of: {', '.join(MODELS)}; or leave it out.",
}
"""Field -> what to send instead; a test keeps it complete."""


def _clean(text: str) -> str:
    """Refuse what could hide text or forge a line; normalise the rest (NFC)."""
    if any(unicodedata.category(c) in _HIDDEN and c not in _JOINERS for c in text):
        raise ValueError("holds control, bidirectional or unassigned characters")
    return unicodedata.normalize("NFC", text)


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"must be one of: {', '.join(allowed)}")
    return value


def parameters(request: TrackRequest) -> dict[str, Any]:
    """The request as answers echo it: what can be sent again as it stands."""
    return {
        "prompt": request.prompt,
        "style": request.style,
        "tempo": int(request.tempo) if request.tempo.isdecimal() else request.tempo,
        "duration_seconds": whole(request.duration_seconds),
        "negative_prompt": request.negative_prompt,
        "seed": None if request.seed < 0 else request.seed,
        "formats": list(request.formats),
        "loudness_lufs": next(iter(request.loudness_lufs), None),
        "loop": request.loop,
        "bit_depth": request.bit_depth,
        "priority": request.priority,
        "callback_events": list(request.callback_events),
        "metadata": request.metadata,
        "model": request.model,
    }


def whole(number: float) -> float:
    """*number* as a caller would write it: 30, not 30.0."""
    return int(number) if number.is_integer() else number
