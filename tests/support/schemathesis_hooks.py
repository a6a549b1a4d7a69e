"""What schemathesis cannot know of the API: texts, addresses and ids that it takes.

The variable ``KNOWN`` names, in JSON, tracks that there are: ``kept`` ones, ``final`` ones that
will never change, and ``spare`` ones, to be erased; and ``webhooks``, ``endpoints``, ``images``,
API ``keys``.
"""

import json
import os
import re
from datetime import timedelta
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st

from services.ingest.edge.cursors import START
from tests.support.images import encoded, sunset

_KNOWN: Final[dict[str, list[str]]] = json.loads(os.environ["KNOWN"])
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOOK: Final = "https://receiver.example/hook"
_SOMEWHERE: Final = re.compile("https://.{1,2040}", re.DOTALL)
_STREAMS: Final = ("/events", "/stream")
_LONG: Final = 200
_DEAR: Final = 100
"""US dollars: more than any track costs."""
_OURS: Final = re.compile("[MNO][A-Za-z0-9]{3,}")
"""A cursor, about: base64 of digits first."""
_TEXT: Final = st.text(st.sampled_from("aBc déñßжя漢字1!?,.'-"), min_size=8, max_size=60)


def _cursor(microseconds: int) -> str:
    return START._replace(time=START.time + timedelta(microseconds=microseconds)).text()


schemathesis.openapi.format("plain-text", _TEXT.map(lambda text: f"song {text}".strip()))
schemathesis.openapi.format("uri", st.just(_HOOK))
schemathesis.openapi.format("uuid", st.sampled_from(_KNOWN["kept"] + _KNOWN["final"]))
schemathesis.openapi.format("webhook-id", st.sampled_from(_KNOWN["webhooks"]))
schemathesis.openapi.format("endpoint-id", st.sampled_from(_KNOWN["endpoints"]))
schemathesis.openapi.format("image-id", st.sampled_from(_KNOWN["images"]))
_PICTURES: Final = st.sampled_from([encoded(sunset(n).resize((60, 40))) for n in range(3)])
schemathesis.openapi.format("picture", _PICTURES)
for _kind in ("image/png", "image/jpeg", "image/webp"):
    schemathesis.openapi.media_type(_kind, _PICTURES)
schemathesis.openapi.format("cursor", st.integers(0, 10**15).map(_cursor))


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Any, kwargs: dict[str, Any]) -> None:
    """Make what a schema cannot say so: whole numbers, public hosts, tracks in a fitting state."""
    if isinstance(case.body, dict):
        case.body = _whole(case.body)
        if _is_price(case.body.get("max_cost_usd")):
            case.body["max_cost_usd"] += _DEAR
        if _SOMEWHERE.fullmatch(str(case.body.get("callback_url"))):
            case.body["callback_url"] = _HOOK
        if len(str(case.body.get("key", ""))) % 2:  # half of all sign-ins succeed
            case.body["key"] = _KNOWN["keys"][0]
    # Longer request lines are the server's to refuse, before the API sees them.
    case.query = {name: _short(value) for name, value in (case.query or {}).items()}
    # A format is a remark in JSON Schema: any text may be generated where it says "cursor".
    after = str(case.query.get("after", ""))
    if after and not _OURS.fullmatch(after):
        case.query["after"] = _cursor(len(after))
    track = (case.path_parameters or {}).get("track_id")
    if isinstance(track, str) and _UUID.fullmatch(track):
        case.path_parameters["track_id"] = _fitting(case, track)


def _fitting(case: Any, track: str) -> str:
    """A stream of an open track goes on for an hour; what is erased is not there for others."""
    if case.operation.path.endswith(_STREAMS):
        return _KNOWN["final"][0]
    if case.method.upper() == "DELETE" and track in _KNOWN["kept"] + _KNOWN["final"]:
        return _KNOWN["spare"][0]
    return track


def _is_price(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(one) for one in value[:4]]
    return value[:60] if isinstance(value, str) and len(value) > _LONG else value


def _whole(value: Any) -> Any:
    """JSON Schema takes 88.0 for an integer; the API wants integers to look like it."""
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole else value
