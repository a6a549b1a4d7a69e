"""Fault rules: what a stand-in spoils, how, and how often; each firing is written down."""

import json
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deploy.local.http import Handler, Request, Response

_REFUSING = frozenset({"status", "body", "headers"})
_BREAKING = frozenset({"delay", "reset", "commit_then_reset", "after_bytes", "cut", "stall"})


class Rule(BaseModel):
    """`match`: field -> regular expression (searched; all must hold). `count` -1 = for ever."""

    model_config = ConfigDict(extra="forbid")

    match: dict[str, re.Pattern[str]] = {}
    action: dict[str, Any]
    count: int = Field(default=1, ge=-1)

    def fits(self, fields: Mapping[str, str]) -> bool:
        """True when every pattern is found in its field."""
        return all(p.search(fields.get(name, "")) for name, p in self.match.items())


_RULES = TypeAdapter(list[Rule])


class Faults:
    """The armed rules of one stand-in."""

    def __init__(
        self, folder: Path, fields: Collection[str], actions: Collection[str] = ()
    ) -> None:
        """`fields` are those that may be matched; `actions` adds the stand-in's own.

        Firings go to `folder`/faults.jsonl: time (s since 1970), the rule's match and action.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "faults.jsonl"
        self._fields = frozenset(fields)
        self._actions = _REFUSING | _BREAKING | frozenset(actions)
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._fired = 0

    def add(self, document: bytes | str) -> None:
        """Arm a JSON list of rules. Raises ValueError for a malformed rule or unknown name."""
        rules = _RULES.validate_json(document)
        for rule in rules:
            unknown = (rule.match.keys() - self._fields) | (rule.action.keys() - self._actions)
            if unknown or not rule.action or not rule.count:
                raise ValueError(f"a rule that can never fire; unknown names: {sorted(unknown)}")
        with self._lock:
            self._rules += rules

    def clear(self) -> None:
        """Disarm all rules and count from 0."""
        with self._lock:
            self._rules, self._fired = [], 0

    @property
    def armed(self) -> bool:
        """True when a rule waits; what a request matches need not be worked out otherwise."""
        return bool(self._rules)

    def state(self) -> dict[str, Any]:
        """`{"armed": [rule...], "fired": firings since the last clear}`."""
        with self._lock:
            return {"armed": _RULES.dump_python(self._rules, mode="json"), "fired": self._fired}

    def take(self, **fields: str) -> Mapping[str, Any]:
        """The action of the first rule that fits, counted down and written down; {} if none."""
        with self._lock:
            rule = next((r for r in self._rules if r.fits(fields)), None)
            if rule is None:
                return {}
            rule.count -= rule.count > 0
            self._rules = [r for r in self._rules if r.count]
            self._fired += 1
            line = {
                "time": time.time(),
                **rule.model_dump(mode="json", include={"match", "action"}),
            }
            with self._log.open("a") as log:
                log.write(json.dumps(line) + "\n")
        return rule.action

    def endpoint(self, request: Request) -> Response | None:
        """The answer of `/_faults` (GET, POST, DELETE); None for any other path."""
        if request.path != "/_faults":
            return None
        if request.method == "POST":
            try:
                self.add(request.body)
            except (ValidationError, ValueError) as error:
                return Response.json({"error": str(error)}, 400)
        if request.method == "DELETE":
            self.clear()
        return Response.json(self.state())


def with_faults(
    faults: Faults, handle: Handler, fields: Callable[[Request], dict[str, str]]
) -> Handler:
    """Serve `/_faults` and let the rules spoil what `handle` does; `fields` is what they match."""

    def spoiled(request: Request) -> Response:
        answer = faults.endpoint(request)
        if answer is not None:
            return answer
        if faults.armed:
            request.fault = faults.take(**fields(request))
        return apply(request, handle)

    return spoiled


def apply(request: Request, handle: Handler) -> Response:
    """What `handle` answers, spoiled as `request.fault` says.

    `delay` comes first and joins with any other; `status` and `reset` leave the work undone;
    `commit_then_reset`, `cut` and `stall` spoil only the reply; `after_bytes` breaks the upload.
    A stand-in's own actions are for `handle` to look up in `request.fault`.
    """
    action = request.fault
    time.sleep(action.get("delay", 0))
    if action.get("reset"):
        return Response(reset=True)
    if "after_bytes" in action:
        request.break_after(action["after_bytes"])
    response = _refusal(action) if "status" in action else handle(request)
    if action.get("commit_then_reset"):
        return Response(reset=True)
    return replace(response, **{name: action[name] for name in ("cut", "stall") if name in action})


def _refusal(action: Mapping[str, Any]) -> Response:
    body = action.get("body", {"error": {"code": action["status"], "message": "injected fault"}})
    make = Response.text if isinstance(body, str) else Response.json
    headers = tuple(action.get("headers", {}).items())
    return replace(make(body, action["status"]), headers=headers)
