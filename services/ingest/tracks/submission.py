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
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from services.ingest.edge.schemas import OneOf
from services.ingest.prompts.records import Seen
from services.ingest.tracks import catalog
from services.ingest.tracks.answers import Parameters
from shared.messages import TrackRequest
from shared.models import MODELS
from shared.targets import TargetNotAllowed

IMAGE_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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
_PLAIN: Final = {"type": "string", "format": "plain-text"}
"""Letters and blanks of any script, but nothing that hides."""


def _describe_prompt(schema: dict[str, Any]) -> None:
    """As it may be sent: what stands for one that was not is no default."""
    del schema["default"]
    lengths = catalog.PROMPT_LENGTH
    schema.update(_PLAIN, minLength=lengths.start, maxLength=lengths.stop - 1)


_PROMPT: Final = Field(validate_default=True, json_schema_extra=_describe_prompt)
_NEGATIVE: Final = Field(
    json_schema_extra=_PLAIN | {"maxLength": _LONGEST_NEGATIVE},
)
_TEMPO: Final = Field(
    json_schema_extra={
        "anyOf": [
            {"type": "string", "enum": [*catalog.TEMPO_WORDS]},
            {"type": "integer", "minimum": catalog.BPM.start, "maximum": catalog.BPM.stop - 1},
        ]
    },
)
_URL: Final = Field(
    json_schema_extra={"format": "uri", "pattern": "^(https://.+)?$", "maxLength": 2048},
)
_IMAGE: Final = Field(json_schema_extra={"format": "image-id"})
_EITHER: Final[dict[str, Any]] = {
    "anyOf": [
        {"required": ["prompt"]},
        {"required": ["image_id"], "properties": {"image_id": {"type": "string"}}},
    ]
}
"""Of an image and a prompt there has to be one; there may be both."""
_METADATA: Final = Field(
    max_length=16,
    json_schema_extra={
        "propertyNames": _PLAIN | {"minLength": 1, "maxLength": _LONGEST_KEY},
        "additionalProperties": _PLAIN | {"maxLength": _LONGEST_VALUE},
    },
)


class Submission(BaseModel):
    """One track to be made; unknown fields are refused by name."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        json_schema_extra=_EITHER,
    )

    image_id: Annotated[StrictStr, _IMAGE] | None = None
    """Of `POST /v1/prompts`, at most 24 hours ago: prompt, style and tempo are that image's, where
    they are not sent."""
    prompt: Annotated[StrictStr, _PROMPT] = ""
    """What to play, in English plain text; required unless there is an image."""
    style: Annotated[StrictStr, OneOf(catalog.STYLES)] = "instrumental"
    tempo: Annotated[StrictInt | StrictStr, _TEMPO] = "moderate"
    """A word, or beats per minute."""
    duration_seconds: Annotated[
        StrictFloat, Field(ge=catalog.MIN_SECONDS, le=catalog.MAX_SECONDS)
    ] = catalog.DEFAULT_SECONDS
    """Whole or fractional: the length is exact to the sample."""
    negative_prompt: Annotated[StrictStr, _NEGATIVE] = ""
    """What to leave out, if the model can."""
    seed: Annotated[StrictInt, Field(ge=0, lt=_SEEDS)] | None = None
    """The same request with the same seed gives the same samples; null: from the track's id."""
    formats: Annotated[list[Annotated[StrictStr, OneOf(catalog.FORMATS)]], Field(min_length=1)] = (
        list(catalog.DEFAULT_FORMATS)
    )
    """In the order of the answer; a repeated one counts once."""
    loudness_lufs: Annotated[StrictFloat, Field(ge=-30, le=-8)] | None = -14.0
    """Integrated loudness (EBU R128); null: untouched."""
    loop: StrictBool = False
    """The end runs into the start."""
    bit_depth: Annotated[StrictInt, OneOf(catalog.BIT_DEPTHS)] = 16
    """Of WAV and FLAC."""
    callback_url: Annotated[StrictStr, _URL] = ""
    """Where webhooks go: https to a public host, port 443 or 8443."""
    callback_events: list[Annotated[StrictStr, OneOf(catalog.EVENTS)]] = []
    """Which webhooks; empty: all endings. The live ones are tried once each."""
    priority: Annotated[StrictStr, OneOf(catalog.PRIORITIES)] = "interactive"
    expires_in_seconds: Annotated[StrictInt, Field(ge=1, le=catalog.MAX_LIFETIME)] = (
        catalog.DEFAULT_LIFETIME
    )
    """After that no further paid call is made."""
    metadata: Annotated[dict[str, StrictStr], _METADATA] = {}
    """Echoed everywhere."""
    max_cost_usd: Annotated[StrictFloat, Field(ge=0)] | None = None
    """Refuse the track if its quote is higher; null: no limit."""
    model: Annotated[StrictStr, OneOf(tuple(MODELS))] = catalog.MODEL

    @model_validator(mode="before")
    @classmethod
    def _sent(cls, body: Any) -> Any:
        # An empty prompt that was sent is wrong; only one that was not may be the image's.
        empty = isinstance(body, dict) and body.get("prompt") == ""
        return {**body, "prompt": " "} if empty else body

    @field_validator("image_id")
    @classmethod
    def _image_id(cls, value: str | None) -> str | None:
        if value is not None and not IMAGE_ID.fullmatch(value):
            raise ValueError("is no id of an image")
        return value

    @field_validator("prompt")
    @classmethod
    def _prompt(cls, value: str, info: ValidationInfo) -> str:
        if value:
            return plain_prompt(value)
        if info.data.get("image_id", "wrong") is None:
            raise PydanticCustomError("missing", "is missing")
        return ""

    @field_validator("negative_prompt")
    @classmethod
    def _negative_prompt(cls, value: str) -> str:
        text = plain_text(value).strip()
        if len(text) > _LONGEST_NEGATIVE:
            raise ValueError(f"must have at most {_LONGEST_NEGATIVE} characters: {len(text)}")
        return text

    @field_validator("tempo")
    @classmethod
    def _tempo(cls, value: int | str) -> int | str:
        if value not in (catalog.BPM if isinstance(value, int) else catalog.TEMPO_WORDS):
            raise ValueError("must be slow, moderate, fast, or beats per minute from 40 to 220")
        return value

    @field_validator("callback_events", "formats")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))

    @field_validator("metadata")
    @classmethod
    def _metadata(cls, value: dict[str, str]) -> dict[str, str]:
        for key, text in value.items():
            if (
                not 1 <= len(plain_text(key)) <= _LONGEST_KEY
                or len(plain_text(text)) > _LONGEST_VALUE
            ):
                raise ValueError("keys take 1 to 64 characters, values at most 512")
            if _RESERVED.fullmatch(key):
                raise ValueError("keys in double underscores are reserved")
        return value

    def to_request(self, seen: Seen | None = None) -> TrackRequest:
        """The immutable request, as every message carries it; *seen*: in the image, if any."""
        given = self.model_fields_set
        return TrackRequest(
            image_id=self.image_id or "",
            prompt=self.prompt or (seen.prompt if seen else UNKNOWN),
            negative_prompt=self.negative_prompt,
            style=seen.style if seen and "style" not in given else self.style,
            tempo=seen.tempo if seen and "tempo" not in given else str(self.tempo),
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


UNKNOWN: Final = "(unknown image)"
"""Stands for the prompt of an image that is not known (any more), and gets nowhere: it is for
requests that came before."""
CURES: Final[dict[str, str]] = {
    "image_id": "Use the image_id of an answer to POST /v1/prompts.",
    "prompt": "Describe the music in 5 to 500 characters of plain text, in one line.",
    "negative_prompt": "Name what to leave out in at most 500 characters, in one line.",
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


def plain_prompt(value: str) -> str:
    """*value* as a prompt, without blanks around it.

    Raises:
        ValueError: it cannot be one.
    """
    text = plain_text(value).strip()
    if len(text) not in catalog.PROMPT_LENGTH:
        raise ValueError(
            f"must have 5 to 500 characters, without the blanks around it: {len(text)}"
        )
    if not any(c.isalnum() and c not in _FILLERS for c in text):
        raise ValueError("holds no letter and no digit")
    return text


def plain_text(text: str) -> str:
    """*text*, normalised (NFC).

    Raises:
        ValueError: it holds what could hide text or forge a line.
    """
    if any(unicodedata.category(c) in _HIDDEN and c not in _JOINERS for c in text):
        raise ValueError("holds line breaks, control, bidirectional or unassigned characters")
    return unicodedata.normalize("NFC", text)


def parameters(request: TrackRequest) -> Parameters:
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
