"""Every code word of the API: what it means, and what helps. ``type`` of a problem leads here."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from shared.errors import Code


class Word(NamedTuple):
    """One code of a refused request."""

    status: int
    meaning: str
    cure: str


CODES: Final[Mapping[str, Word]] = {
    "bad_request": Word(
        400, "The request broke off, or is no proper HTTP.", "Send the whole body, once."
    ),
    "invalid_json": Word(
        400,
        "The body is not one JSON object, nested at most eight deep, each name once.",
        "Send one JSON object, in UTF-8.",
    ),
    "invalid_field": Word(
        400,
        "`field` (a member, a query parameter or a header) holds what it may not hold.",
        "`cure` says what it takes.",
    ),
    "missing_field": Word(400, "`field` is required.", "Send it."),
    "unknown_field": Word(400, "`field` is not a field of this request.", "Leave it out."),
    "target_not_allowed": Word(
        400,
        "Webhooks cannot be sent to this `callback_url`.",
        "Use https to a public host, port 443 or 8443.",
    ),
    "max_cost_exceeded": Word(
        400,
        "The track would cost more than `max_cost_usd`.",
        "Allow the price, or ask for a shorter track.",
    ),
    "webhook_secret_missing": Word(
        400,
        "There is nothing yet that could sign webhooks.",
        "Make a secret first: `POST /v1/webhooks/secrets`.",
    ),
    "image_invalid": Word(
        400, "The image is damaged, or cannot be decoded.", "Save it again as PNG or JPEG."
    ),
    "image_too_many_pixels": Word(
        400,
        "The image has a side above 12000 pixels, or more than 40 megapixels (WebP: 16).",
        "Make it smaller: 1024 pixels a side are plenty.",
    ),
    "image_animated": Word(400, "The image is animated.", "Send one of its pictures."),
    "unauthenticated": Word(
        401,
        "No API key came, or none that is good.",
        "Send `Authorization: Bearer mk_...`.",
    ),
    "csrf_failed": Word(
        403,
        "A browser's write did not come from our own page, with its token.",
        "Send `X-CSRF-Token` with the `csrf` of `GET /studio/session`.",
    ),
    "origin_not_allowed": Word(
        403,
        "This page may not open a WebSocket here.",
        "Ask the operator to name its origin in `CORS_ORIGINS`.",
    ),
    "not_found": Word(404, "There is nothing at this path.", "Follow the links in the answers."),
    "no_such_track": Word(
        404,
        "There is no such track, or none any more, or it is not yours.",
        "Use a `request_id` that a submit has answered in the last 90 days.",
    ),
    "no_such_image": Word(
        404,
        "There is no such image, or none any more, or it is not yours.",
        "Send the image to `POST /v1/prompts` again: it is remembered for 24 hours.",
    ),
    "no_such_format": Word(
        404, "The track was not asked for in this format.", "Use one of its `formats`."
    ),
    "no_such_file": Word(404, "The track was made before there were such files.", "Do without it."),
    "no_webhook": Word(
        404,
        "The track was submitted without a `callback_url`.",
        "Follow the track itself; or submit the next one with `callback_url`.",
    ),
    "no_such_webhook": Word(
        404,
        "There is no such webhook, or none any more.",
        "`GET /v1/webhooks/events` lists those there are.",
    ),
    "no_such_endpoint": Word(
        404, "There is no such endpoint.", "`GET /v1/webhooks/endpoints` lists those there are."
    ),
    "no_such_secret": Word(
        404, "There is no such secret.", "`GET /v1/webhooks/secrets` lists those there are."
    ),
    "method_not_allowed": Word(
        405, "The path does not know this method.", "The header `Allow` names those it knows."
    ),
    "image_too_slow": Word(
        408,
        "The image has not arrived within 30 seconds.",
        "Make it smaller: 1024 pixels a side are plenty.",
    ),
    "not_completed": Word(
        409,
        "The file is not stored yet, or the run has ended without audio.",
        "Wait until the track is completed; after a failure `cure` says what helps.",
    ),
    "not_ended": Word(
        409,
        "A track can be erased once it has ended.",
        "Cancel it first, or wait until it has ended.",
    ),
    "track_erased": Word(
        409,
        "The track that this `Idempotency-Key` has made was erased.",
        "Send a new key to have a track made.",
    ),
    "not_retryable": Word(
        409,
        "Only failed and expired tracks can be retried.",
        "Submit again, under another `Idempotency-Key` if there was one.",
    ),
    "nothing_to_redeliver": Word(
        409,
        "The track has not ended, or its ending was not passed on, or nobody asked for it.",
        "Ask again when `state` is no longer `waiting`.",
    ),
    "attempt_in_flight": Word(
        409, "An attempt is being made right now.", "Look at its result, ask again if it failed."
    ),
    "too_many_attempts": Word(
        409,
        "This webhook has had 100 attempts.",
        "Read the event itself: `GET /v1/webhooks/events/{webhook_id}`.",
    ),
    "too_many_secrets": Word(
        409, "Three secrets are live already.", "End one first, or rotate its kind."
    ),
    "last_secret": Word(
        409,
        "Without it webhooks could not be signed.",
        "Rotate instead: `overlap_seconds` 0 ends it.",
    ),
    "request_entity_too_large": Word(413, "The body is too long.", "Send at most 32768 bytes."),
    "image_too_large": Word(
        413, "The image has more than 10 MB.", "Make it smaller: 1024 pixels a side are plenty."
    ),
    "unsupported_media_type": Word(
        415,
        "The body must be JSON; for an image, multipart/form-data.",
        "Send `Content-Type: application/json`, or the image as a form does.",
    ),
    "image_type": Word(
        415,
        "The file is no PNG, JPEG or WebP image, whatever its name says.",
        "Send a PNG, JPEG or WebP image.",
    ),
    "idempotency_key_reused": Word(
        422,
        "This `Idempotency-Key` came before, with another body.",
        "Send the first body again, or a new key.",
    ),
    "image_blocked": Word(
        422,
        "The model's safety filter refused the image.",
        "Send another image, or describe the music in words.",
    ),
    "upgrade_required": Word(
        426,
        "This call is a WebSocket.",
        "Open it as one, version 13; `GET /v1/tracks/{track_id}/events` tells the same.",
    ),
    "rate_limited": Word(
        429, "Too many calls in a minute.", "Go on after `Retry-After` seconds, and more slowly."
    ),
    "too_many_tracks": Word(
        429,
        "As many tracks as may be are queued or running.",
        "Wait until some have ended, or cancel some.",
    ),
    "spend_cap_reached": Word(
        429,
        "The quote does not fit into what is left of today's cap.",
        "Go on after midnight UTC (`Retry-After`), or have the cap raised.",
    ),
    "too_many_images": Word(
        429,
        "Too many new images in a minute, or in a day.",
        "Go on after `Retry-After` seconds; an image that was sent before does not count.",
    ),
    "too_many_sign_ins": Word(
        429,
        "Too many sign-ins with a wrong key came from this address.",
        "Wait a little, then sign in with a key that was not revoked.",
    ),
    "internal": Word(
        500,
        "Something broke on our side; it has been logged.",
        "Try again later; if it stays, report the request id.",
    ),
    "image_not_understood": Word(
        502,
        "The model made no usable prompt of the image.",
        "Try again, or describe the music in words.",
    ),
    "image_model_unavailable": Word(
        503,
        "The model that looks at images does not answer.",
        "Try again after `Retry-After` seconds, or describe the music in words.",
    ),
    "too_many_uploads": Word(
        503,
        "As many images as may be are being read.",
        "Try again after `Retry-After` seconds.",
    ),
    "store_unavailable": Word(
        503,
        "Firestore did not answer.",
        "Try again after `Retry-After` seconds, with the same `Idempotency-Key`.",
    ),
    "too_many_streams": Word(
        503,
        "All places for streams are taken.",
        "Come again, or ask with `GET /v1/tracks/{track_id}?wait=30`.",
    ),
    "storage_unavailable": Word(
        503, "A link could not be signed.", "Try again after `Retry-After` seconds."
    ),
    "secrets_unavailable": Word(
        503, "Secrets cannot be sealed now.", "Try again later; else ask the operator."
    ),
}

ENDINGS: Final[Mapping[Code, str]] = {
    Code.PROMPT_BLOCKED: "The model's safety filter refused the prompt.",
    Code.PROMPT_RECITATION: "Every version resembled existing music.",
    Code.PROMPT_LANGUAGE: "The prompt is not English.",
    Code.MODEL_QUOTA: "The model's quota is used up.",
    Code.MODEL_UNAVAILABLE: "The model refused for an hour.",
    Code.MODEL_TIMEOUT: "The model did not answer in time.",
    Code.MODEL_REJECTED: "The model refused the request, or answered without audio.",
    Code.AUDIO_SILENT: "Three versions of a clip were silent.",
    Code.AUDIO_CLIPPED: "Three versions of a clip were clipped.",
    Code.AUDIO_INVALID: "Three versions of a clip could not be used.",
    Code.DEADLINE_EXCEEDED: "The deadline passed first.",
    Code.CANCELLED: "Somebody cancelled it.",
    Code.STORAGE_UNAVAILABLE: "The bucket did not answer.",
    Code.INTERNAL: "Every attempt broke off.",
}
"""What `error.code` of a track means; its cure is in ``shared.cures``."""
