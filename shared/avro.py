"""Avro schemas of the topics, generated from ``shared.messages`` (Avro 1.11, JSON encoding).

``python -m shared.avro DIR`` writes one ``TOPIC.avsc`` per topic; a test keeps the committed
files in step.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from shared.messages import TrackEvent, TrackRequested

TOPICS: Final[dict[str, type[BaseModel]]] = {
    "track-requests": TrackRequested,
    "track-events": TrackEvent,
    "track-progress": TrackEvent,
}
_PRIMITIVES: Final = {str: "string", int: "long", float: "double", bool: "boolean"}


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The Avro record of *model*, its docstring as ``doc``."""
    return {
        "type": "record",
        "name": model.__name__,
        "namespace": "motif",
        "doc": (model.__doc__ or "").strip(),
        "fields": [
            {"name": name, "type": _type(field.annotation), **_default(field)}
            for name, field in model.model_fields.items()
        ],
    }


def _type(annotation: Any) -> Any:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in _PRIMITIVES:
        return _PRIMITIVES[annotation]
    if annotation is AwareDatetime or origin is Literal:
        return "string"
    if origin is tuple:
        return {"type": "array", "items": _type(args[0])}
    if origin is dict:
        return {"type": "map", "values": _type(args[1])}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return schema(annotation)
    raise TypeError(f"{annotation} cannot cross a topic (nullable fields cannot, either)")


def _default(field: FieldInfo) -> dict[str, Any]:
    """Without one, a field could neither be added nor removed in a later revision."""
    if field.is_required():
        return {}
    value = field.get_default(call_default_factory=True)
    return {"default": list(value) if isinstance(value, tuple) else value}


def write(folder: Path) -> None:
    """Write every topic's schema below *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    for topic, model in TOPICS.items():
        text = json.dumps(schema(model), indent=2) + "\n"
        (folder / f"{topic}.avsc").write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
