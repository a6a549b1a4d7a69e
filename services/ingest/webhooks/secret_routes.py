"""``/v1/webhooks/secrets`` and the public keys: what signs a tenant's webhooks."""

from datetime import datetime
from typing import Annotated, Any, Final, cast

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from services.ingest.edge.bodies import read_json, validated
from services.ingest.identity.callers import tenant
from services.ingest.webhooks.answers import (
    PublicKeyDetail,
    SecretDetail,
    SecretListed,
    SecretMade,
    SecretRotated,
)
from services.ingest.webhooks.secrets import Made, Secrets
from shared.problems import Problem
from shared.rings import MAX_LIVE, Kind, LastSecret, NoSuchSecret, PublicKey, Secret, TooManySecrets

_LONGEST_OVERLAP: Final = 7 * 86_400
_KEYS_AGE: Final = 300
"""Seconds that the public keys may be kept: a new one is met after its first signature at most."""
CURES: Final = {
    "kind": "Use v1 (HMAC) or v1a (ed25519), or leave it out: v1.",
    "overlap_seconds": "Use a whole number of seconds from 0 to 604800, or leave it out: 86400.",
}


class NewSecret(BaseModel):
    """The body of a creation."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Kind = Kind.V1


class Rotation(NewSecret):
    """The body of a rotation."""

    overlap_seconds: Annotated[StrictInt, Field(ge=0, le=_LONGEST_OVERLAP)] = 86_400


class SecretRoutes:
    """The views, with what they need."""

    def __init__(self, secrets: Secrets) -> None:
        """Wire the use cases."""
        self._secrets = secrets

    def blueprint(self) -> Blueprint:
        """The routes of secrets and of their public halves."""
        api = Blueprint("secrets", __name__)
        own = "/v1/webhooks/secrets"
        api.add_url_rule(own, view_func=self.create, methods=["POST"])
        api.add_url_rule(own, view_func=self.list, methods=["GET"])
        api.add_url_rule(f"{own}/rotate", view_func=self.rotate, methods=["POST"])
        api.add_url_rule(f"{own}/<secret_id>", view_func=self.delete, methods=["DELETE"])
        api.add_url_rule("/.well-known/webhook-keys", view_func=self.keys, methods=["GET"])
        for refusal in (TooManySecrets, NoSuchSecret, LastSecret):
            api.register_error_handler(refusal, _refused)
        return api

    def create(self) -> ResponseReturnValue:
        """One secret more: 201, with the value that is never shown again."""
        wanted = validated(NewSecret, _body(), {"kind": CURES["kind"]})
        return _made(self._secrets.create(tenant(), wanted.kind)), 201

    def rotate(self) -> ResponseReturnValue:
        """A new secret for the older ones of its kind: 201, as a creation."""
        wanted = validated(Rotation, _body(), CURES)
        made = self._secrets.rotate(tenant(), wanted.kind, wanted.overlap_seconds)
        answer: SecretRotated = {
            **_made(made),
            "expiring": [
                {"id": one.secret_id, "expires_at": _time(one.expires_at)} for one in made.expiring
            ],
            "ended": [one.secret_id for one in made.ended],
        }
        return answer, 201

    def list(self) -> ResponseReturnValue:
        """Every secret of the last 30 days, newest first; never a value."""
        ring, now = self._secrets.ring(tenant())
        secrets: list[SecretListed] = [
            {**_secret(one), "live": one.live(now)} for one in ring.secrets
        ]
        return {"secrets": secrets}

    def delete(self, secret_id: str) -> ResponseReturnValue:
        """Let one sign no more, as of now."""
        self._secrets.delete(tenant(), secret_id)
        return "", 204

    def keys(self) -> ResponseReturnValue:
        """The public keys of all v1a secrets that may have to be verified; of no known tenant."""
        answer = jsonify(keys=[_public(key) for key in self._secrets.public_keys()])
        answer.headers["Cache-Control"] = f"public, max-age={_KEYS_AGE}"
        return answer


def _body() -> dict[str, Any]:
    """What was sent; no body at all is an empty one."""
    empty = request.content_length in (None, 0) and "Transfer-Encoding" not in request.headers
    return {} if empty else read_json()


def _made(made: Made) -> SecretMade:
    told = cast("SecretMade", _secret(made.secret))
    if not made.secret.public_key:
        told["secret"] = made.shown
    return told


def _secret(secret: Secret) -> SecretDetail:
    told: SecretDetail = {
        "id": secret.secret_id,
        "kind": secret.kind,
        "created_at": _time(secret.created_at),
        "expires_at": _time(secret.expires_at),
    }
    if secret.public_key:
        told["public_key"] = secret.public_key
    return told


def _public(key: PublicKey) -> PublicKeyDetail:
    return {
        "id": key.key_id,
        "kty": "OKP",
        "crv": "Ed25519",
        "public_key": key.public_key,
        "created_at": _time(key.created_at),
        "expires_at": _time(key.expire_at),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _refused(exc: Exception) -> ResponseReturnValue:
    # Flask answers 500 to whatever an error handler raises.
    return current_app.handle_user_exception(_problem(exc))


def _problem(exc: Exception) -> Problem:
    match exc:
        case TooManySecrets():
            return Problem(
                409,
                "too_many_secrets",
                f"At most {MAX_LIVE} secrets may be live at once, of all kinds together.",
                cure="End one first (DELETE /v1/webhooks/secrets/{id}), or rotate its kind.",
            )
        case LastSecret():
            return Problem(
                409,
                "last_secret",
                "Without it webhooks could not be signed, now or once the others have expired.",
                cure="Rotate: POST /v1/webhooks/secrets/rotate with overlap_seconds 0 ends it.",
            )
    return Problem(
        404, "no_such_secret", "There is no such secret.", cure="GET /v1/webhooks/secrets has all."
    )
