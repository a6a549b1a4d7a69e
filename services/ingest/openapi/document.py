"""The OpenAPI 3.1 document, made of the tables of calls and of the types that views return."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.ingest.openapi.examples import Examples
from services.ingest.openapi.hooks import hooks
from services.ingest.openapi.operations import FORM, JSON, OF_LIMITED, Answer, Call, Parameter
from services.ingest.openapi.problems import headers, refusals
from services.ingest.openapi.types import Types
from services.ingest.tracks import answers, catalog
from shared.webhook_body import Webhook

_ABOUT: Final = (
    "Text in, finished music out. Submit a prompt, follow the track, fetch its audio. JSON in and"
    " out; unknown fields are refused by name; every failure is RFC 9457 problem+json with `code`,"
    " and with `field` and `cure` where there is one. Whole numbers are sent without a fraction."
)
_SCHEMES: Final[Mapping[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key: `mk_<env>_<id>_<secret>`.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "motif_session",
        "description": "The Studio's sign-in; good from its own origin only.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "With the cookie, every write needs the session's token.",
    },
}
_PATH: Final[Mapping[str, Mapping[str, Any]]] = {
    "track_id": {"type": "string", "format": "uuid"},
    "image_id": {"type": "string", "format": "image-id"},
    "name": {"type": "string", "enum": [*catalog.FORMATS]},
    "webhook_id": {"type": "string", "format": "webhook-id", "pattern": "^msg_[a-z2-7]{52}$"},
    "endpoint_id": {"type": "string", "format": "endpoint-id", "pattern": "^ep_[a-z2-7]{52}$"},
    "secret_id": {"type": "string", "pattern": "^sec_[0-9a-f]{24}$"},
}
"""What path parameters look like."""
_IN_PATH: Final = re.compile(r"{(\w+)}")


class Document:
    """Makes the document of some calls."""

    def __init__(self, calls: Sequence[Call], base: str, *, auth: bool) -> None:
        """*base* is where the API is reached, *auth* whether it wants keys."""
        self._calls = {call.name: call for call in calls}
        self._base = base
        self._auth = auth
        self._examples = Examples(base)
        self._types = Types(
            (call.body for call in calls if call.body),
            (
                *(answer.body for call in calls for answer in call.answers if answer.body),
                *(answers.Problem, Webhook),
            ),
        )

    def made(self) -> dict[str, Any]:
        """The whole document, as JSON."""
        paths: dict[str, dict[str, Any]] = {}
        for call in self._calls.values():
            paths.setdefault(call.path, {})[call.method.lower()] = self._operation(call)
        tags = dict.fromkeys(call.tag for call in self._calls.values())
        return {
            "openapi": "3.1.0",
            "info": {"title": "Motif", "version": "1.0.0", "description": _ABOUT},
            "servers": [{"url": self._base}],
            "tags": [{"name": tag} for tag in tags],
            "paths": paths,
            "webhooks": hooks(self._base),
            "components": {
                "schemas": self._types.components,
                "securitySchemes": dict(_SCHEMES),
            },
        }

    def _operation(self, call: Call) -> dict[str, Any]:
        about = {"description": call.about} if call.about else {}
        body = {"requestBody": self._body(call)} if call.body or call.form else {}
        return {
            "operationId": call.name,
            "tags": [call.tag],
            "summary": call.summary,
            **about,
            "security": self._security(call),
            "parameters": [
                *(_path_parameter(name) for name in _IN_PATH.findall(call.path)),
                *(_parameter(one) for one in call.parameters),
            ],
            **body,
            "responses": {
                str(answer.status): self._answer(answer, _limited(call)) for answer in call.answers
            }
            | refusals(call.all_codes(), _limited(call)),
        }

    def _security(self, call: Call) -> list[dict[str, list[str]]]:
        if call.public or not self._auth:
            return []
        session: dict[str, list[str]] = {"session": []}
        return [{"bearer": []}, session if call.method == "GET" else session | {"csrf": []}]

    def _body(self, call: Call) -> dict[str, Any]:
        if call.form:
            return {"required": True, "content": {FORM: _parts(call.form)}}
        return {"required": call.body_required, "content": {JSON: self._content(call.body)}}

    def _answer(self, answer: Answer, more: tuple[str, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {
            "description": answer.about,
            "headers": headers(*answer.headers, *more),
        }
        if answer.body is not None:
            made["content"] = {answer.media: self._content(answer.body)}
        elif answer.media != JSON:
            made["content"] = {answer.media: {"schema": dict(answer.schema)}}
        known = {name: at for name, at in answer.links.items() if name in self._calls}
        if known:
            made["links"] = {name: self._link(name, at) for name, at in known.items()}
        return made

    def _content(self, body: Any) -> dict[str, Any]:
        examples = {name: {"value": value} for name, value in self._examples.of(body).items()}
        return {"schema": self._types.schema(body)} | ({"examples": examples} if examples else {})

    def _link(self, name: str, at: str) -> dict[str, Any]:
        call = self._calls[name]
        (parameter,) = _IN_PATH.findall(call.path)
        return {
            "operationId": name,
            "parameters": {parameter: at},
            "description": call.summary,
        }


def _limited(call: Call) -> tuple[str, ...]:
    return () if call.public else OF_LIMITED


def _parts(form: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "schema": {
            "type": "object",
            "properties": {name: dict(part["schema"]) for name, part in form.items()},
            "required": list(form),
            "additionalProperties": False,
        },
        "encoding": {name: {"contentType": part["contentType"]} for name, part in form.items()},
    }


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": dict(_PATH[name])}


def _parameter(one: Parameter) -> dict[str, Any]:
    example = {} if one.example is None else {"example": one.example}
    return {
        "name": one.name,
        "in": one.where,
        "description": one.about,
        "schema": dict(one.schema),
        **({"explode": False} if one.schema.get("type") == "array" else {}),
        **example,
    }
