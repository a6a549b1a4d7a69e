"""The document's schemas with no room for members that they do not name: a stricter judge."""

from typing import Any


def closed(schema: Any) -> Any:
    """The same, where it says nothing about other members."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(one) for name, one in schema.items()}
    # A part of an anyOf names some members, and leaves the others to the object around it.
    shut = schema.get("type") == "object" and isinstance(schema.get("properties"), dict)
    return {"additionalProperties": False, **made} if shut else made
