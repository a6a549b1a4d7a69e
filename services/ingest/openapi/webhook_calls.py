"""The calls about webhooks and their secrets."""

from typing import Final

from services.ingest.openapi.operations import PAGING, Answer, Call
from services.ingest.webhooks import answers
from services.ingest.webhooks.routes import Test
from services.ingest.webhooks.secret_routes import NewSecret, Rotation

TAG: Final = "Webhooks"
SECRETS: Final = "Webhook secrets"
_OF_TRACK: Final = "/v1/tracks/{track_id}/webhook"
_EVENTS: Final = "/v1/webhooks/events"
_ENDPOINTS: Final = "/v1/webhooks/endpoints"
_SECRETS: Final = "/v1/webhooks/secrets"
_ID: Final = "$response.body#/webhook_id"
_EVENT: Final = {"getWebhookEvent": _ID, "redeliverWebhookEvent": _ID}
_AGAIN: Final = ("nothing_to_redeliver", "attempt_in_flight", "too_many_attempts")
_PLACE: Final = {
    "getWebhookEndpoint": "$response.body#/id",
    "enableWebhookEndpoint": "$response.body#/id",
}
CALLS: Final = (
    Call(
        method="GET",
        path=_OF_TRACK,
        name="getTrackWebhook",
        tag=TAG,
        summary="How the newest ending of a track was received",
        answers=(
            Answer(status=200, about="The webhook.", body=answers.WebhookOfTrack, links=_EVENT),
        ),
        codes=("no_such_track", "no_webhook", "no_such_webhook"),
    ),
    Call(
        method="POST",
        path=f"{_OF_TRACK}/redeliver",
        name="redeliverTrackWebhook",
        tag=TAG,
        summary="Send the newest ending once more",
        about="At once: the same bytes under the same `webhook-id`.",
        answers=(Answer(status=202, about="It is wanted.", body=answers.WebhookOfTrack),),
        codes=("no_such_track", "no_webhook", "no_such_webhook", *_AGAIN),
    ),
    Call(
        method="GET",
        path=_EVENTS,
        name="listWebhookEvents",
        tag=TAG,
        summary="Every ending that was recorded, however it was received",
        about="Oldest first, from a cursor on: a poller misses nothing. What is younger than"
        " 15 s is held back.",
        parameters=PAGING,
        answers=(Answer(status=200, about="A part of the list.", body=answers.Events),),
    ),
    Call(
        method="GET",
        path=f"{_EVENTS}/{{webhook_id}}",
        name="getWebhookEvent",
        tag=TAG,
        summary="One event with its attempts",
        answers=(Answer(status=200, about="The event.", body=answers.EventDetail),),
        codes=("no_such_webhook",),
    ),
    Call(
        method="POST",
        path=f"{_EVENTS}/{{webhook_id}}/redeliver",
        name="redeliverWebhookEvent",
        tag=TAG,
        summary="Send an event once more",
        answers=(Answer(status=202, about="It is wanted.", body=answers.EventDetail),),
        codes=("no_such_webhook", *_AGAIN),
    ),
    Call(
        method="POST",
        path="/v1/webhooks/test",
        name="testWebhook",
        tag=TAG,
        summary="Have a signed synthetic event sent, once",
        body=Test,
        answers=(
            Answer(status=202, about="It will be sent.", body=answers.TestSent, links=_EVENT),
        ),
        codes=("missing_field", "target_not_allowed", "webhook_secret_missing"),
    ),
    Call(
        method="GET",
        path=_ENDPOINTS,
        name="listWebhookEndpoints",
        tag=TAG,
        summary="The receivers that endings were sent to",
        parameters=PAGING,
        answers=(Answer(status=200, about="A part of the list.", body=answers.Endpoints),),
    ),
    Call(
        method="GET",
        path=f"{_ENDPOINTS}/{{endpoint_id}}",
        name="getWebhookEndpoint",
        tag=TAG,
        summary="One receiver",
        answers=(
            Answer(status=200, about="The receiver.", body=answers.EndpointDetail, links=_PLACE),
        ),
        codes=("no_such_endpoint",),
    ),
    Call(
        method="POST",
        path=f"{_ENDPOINTS}/{{endpoint_id}}/enable",
        name="enableWebhookEndpoint",
        tag=TAG,
        summary="Send webhooks there again",
        answers=(
            Answer(status=200, about="It is enabled.", body=answers.EndpointDetail, links=_PLACE),
        ),
        codes=("no_such_endpoint",),
    ),
    Call(
        method="POST",
        path=_SECRETS,
        name="createSecret",
        tag=SECRETS,
        summary="Make one secret more",
        body=NewSecret,
        body_required=False,
        answers=(
            Answer(
                status=201,
                about="It signs from now on; its value is shown this once.",
                body=answers.SecretMade,
                links={"deleteSecret": "$response.body#/id"},
            ),
        ),
        codes=("too_many_secrets", "secrets_unavailable"),
    ),
    Call(
        method="GET",
        path=_SECRETS,
        name="listSecrets",
        tag=SECRETS,
        summary="All secrets, never their values",
        answers=(Answer(status=200, about="The secrets.", body=answers.SecretList),),
    ),
    Call(
        method="POST",
        path=f"{_SECRETS}/rotate",
        name="rotateSecret",
        tag=SECRETS,
        summary="A new secret in the place of the older ones of its kind",
        about="The older ones go on signing for `overlap_seconds`.",
        body=Rotation,
        body_required=False,
        answers=(
            Answer(
                status=201,
                about="It signs from now on; its value is shown this once.",
                body=answers.SecretRotated,
                links={"deleteSecret": "$response.body#/id"},
            ),
        ),
        codes=("too_many_secrets", "secrets_unavailable"),
    ),
    Call(
        method="DELETE",
        path=f"{_SECRETS}/{{secret_id}}",
        name="deleteSecret",
        tag=SECRETS,
        summary="Let a secret sign no more",
        answers=(Answer(status=204, about="It signs no more."),),
        codes=("no_such_secret", "last_secret"),
    ),
    Call(
        method="GET",
        path="/.well-known/webhook-keys",
        name="listPublicKeys",
        tag=SECRETS,
        summary="The public keys of `v1a` secrets",
        about="May be kept for 5 minutes.",
        answers=(Answer(status=200, about="The keys.", body=answers.PublicKeys),),
        codes=("store_unavailable",),
        public=True,
    ),
)
