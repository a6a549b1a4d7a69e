"""The request of `:predict`, read as strictly as a careful server would."""

import re
import secrets
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from deploy.local.http import Request
from deploy.local.vertex.errors import Refusal, invalid, not_found

MODEL: Final = "lyria-002"
_PATH: Final = re.compile(
    r"/v1/(?P<model>projects/[^/]+/locations/[^/]+/publishers/google/models/(?P<id>[^/:]+)):predict"
)
_SEEDS: Final = 2**32


class Refused(Exception):
    """The request gets `refusal` for an answer."""

    def __init__(self, refusal: Refusal) -> None:
        """Keep what to answer."""
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True)
class Call:
    """An accepted request: words, and the seed of each clip wanted (one unless asked for more).

    `seed` is None when the caller left the choice to us.
    """

    prompt: str
    negative_prompt: str
    seed: int | None
    seeds: tuple[int, ...]


def _whole(value: object) -> object:
    """Numbers travel as doubles: 98765.0 is a whole number, 1.5, "5" and true are not."""
    if isinstance(value, bool | str) or value is None:
        raise ValueError("not a number")
    return value


_Seed = Annotated[int, BeforeValidator(_whole), Field(ge=0, lt=_SEEDS)]
_Count = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=4)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Instance(_Strict):
    prompt: str = Field(min_length=1)
    negative_prompt: str = ""
    seed: _Seed = 0
    sample_count: _Count = 1


class _Parameters(_Strict):
    sample_count: _Count = 1


class _Body(_Strict):
    instances: tuple[_Instance]
    parameters: _Parameters = _Parameters()


def read(request: Request) -> Call:
    """What the client wants. Raises Refused, and ConnectionError if the client goes away."""
    path = _PATH.fullmatch(unquote(request.path))
    if not path or request.method != "POST":
        raise Refused(Refusal(404, "NOT_FOUND", "The requested URL was not found on this server."))
    if path["id"] != MODEL:
        raise Refused(not_found(path["model"]))
    try:
        return _call(_Body.model_validate_json(request.body))
    except ValidationError as error:
        raise Refused(invalid(_text(error))) from error


def _call(body: _Body) -> Call:
    (instance,) = body.instances
    counts = [
        part for part in (instance, body.parameters) if "sample_count" in part.model_fields_set
    ]
    seeded = "seed" in instance.model_fields_set
    if seeded and counts:
        raise Refused(invalid("seed and sample_count cannot be used together."))
    if len(counts) > 1:
        raise Refused(invalid("sample_count is given twice."))
    count = counts[0].sample_count if counts else 1
    seeds = (instance.seed,) if seeded else tuple(secrets.randbelow(_SEEDS) for _ in range(count))
    return Call(instance.prompt, instance.negative_prompt, instance.seed if seeded else None, seeds)


def _text(error: ValidationError) -> str:
    """The first thing that is wrong and where; never the value, which may be a prompt."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or "body"
    return f"Invalid value at '{where}': {first['msg']}."
