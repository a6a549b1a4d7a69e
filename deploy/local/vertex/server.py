"""`:predict` of `lyria-002` over HTTP: validate, spoil as told, compose, take the time, bill.

`:generateContent` with an image is answered in `vision`, at the same address.
"""

import json
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.local.faults import Faults, apply
from deploy.local.http import Request, Response
from deploy.local.vertex.call import Call, Refused, read
from deploy.local.vertex.clips import Clips
from deploy.local.vertex.errors import ERRORS
from deploy.local.vertex.ledger import Ledger
from deploy.local.vertex.replies import REPLIES
from deploy.local.vertex.vision import request as vision
from deploy.local.vertex.vision.replies import LOOKS
from deploy.local.vertex.vision.server import Vision

_JSON = "application/json; charset=UTF-8"
_NAMES: Mapping[str, Mapping[str, Any]] = {"error": ERRORS, "reply": REPLIES, "look": LOOKS}


class Vertex:
    """The stand-in, as a handler of the HTTP base.

    Fault rules match on `method` (`predict`, `generateContent`), `prompt` and `seed`, both empty
    for an image. Beside the general actions there are `{"look": NAME}` for images,
    `{"error": NAME}` (with `retry_after` seconds if wanted), which is not paid, and
    `{"reply": NAME}`, which is; so are `cut`, `stall` and `commit_then_reset`, whose reply is
    spoiled after the audio was made. `status` and `reset` do no work and cost nothing.
    """

    def __init__(self, folder: Path, clips: Clips, latency: float, spread: float = 0.0) -> None:
        """Answer a good call after `latency` seconds, the time of composing included.

        `spread` (0 to 1): each time up to such a share less, or more.
        """
        self._ledger = Ledger(folder)
        fields, actions = ("method", "prompt", "seed"), ("error", "reply", "look", "retry_after")
        self._faults = Faults(folder, fields, actions)
        self._vision = Vision(folder)
        self._clips = clips
        self._latency = latency
        self._spread = spread

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        control = _misnamed(request) or self._faults.endpoint(request)
        if control:
            return control
        if vision.is_look(request):
            return self._look(request)
        start = time.monotonic()
        call = None
        try:
            call = read(request)
            request.fault = self._faults.take(
                method="predict", prompt=call.prompt, seed=_seed(call)
            )
            response = apply(request, lambda _: self._predict(call, request.fault, start))
        except Refused as refused:
            response = refused.refusal.response()
        status = None if response.reset else response.status
        self._ledger.answered(call, status, time.monotonic() - start)
        return response

    def _look(self, request: Request) -> Response:
        try:
            look = vision.read(request)
            request.fault = self._faults.take(method="generateContent")
            return apply(request, lambda _: self._vision.answer(look, request.fault))
        except Refused as refused:
            return refused.refusal.response()

    def _predict(self, call: Call, fault: Mapping[str, Any], start: float) -> Response:
        if "error" in fault:
            return ERRORS[fault["error"]].response(fault.get("retry_after"))
        spoil = REPLIES.get(fault.get("reply", ""))
        body = spoil(lambda: self._clips.wav(call)) if spoil else self._clips.reply(call)
        latency = self._latency * random.uniform(1 - self._spread, 1 + self._spread)  # noqa: S311 - no secret
        time.sleep(max(0.0, start + latency - time.monotonic()))
        self._ledger.paid(call, time.monotonic() - start)
        return Response(200, body, _JSON)


def _seed(call: Call) -> str:
    return "" if call.seed is None else str(call.seed)


def _misnamed(request: Request) -> Response | None:
    """The refusal of a rule whose error or reply nobody knows."""
    if (request.method, request.path) != ("POST", "/_faults"):
        return None
    try:
        actions = [rule["action"] for rule in json.loads(request.body)]
        wrong = [
            a[k] for a in actions for k, names in _NAMES.items() if k in a and a[k] not in names
        ]
    except (ValueError, TypeError, KeyError):
        return None
    return Response.json({"error": f"unknown: {wrong}"}, 400) if wrong else None
