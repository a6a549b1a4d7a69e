"""The calls about images."""

from typing import Final

from services.ingest.openapi.operations import Answer, Call
from services.ingest.prompts import answers

TAG: Final = "Images"
_OWN: Final = "/v1/prompts/{image_id}"
_KINDS: Final = "image/png, image/jpeg, image/webp"
_FORM: Final = {"image": {"schema": {"type": "string", "format": "picture"}, "contentType": _KINDS}}
_SEEN: Final = Answer(
    status=200,
    about="What it sounds like.",
    body=answers.ImagePrompt,
    headers=("Idempotent-Replayed",),
)

CALLS: Final = (
    Call(
        method="POST",
        path="/v1/prompts",
        name="createPrompt",
        tag=TAG,
        summary="A prompt from an image",
        about="PNG, JPEG or WebP, at most 10 MB, 12000 pixels a side and 40 megapixels (WebP: 16)."
        " What was seen is kept for 24 hours, the image is not; the same image gets the same"
        " answer.",
        form=_FORM,
        answers=(_SEEN,),
        codes=(
            *("image_too_large", "image_type", "image_invalid", "image_too_many_pixels"),
            *("image_animated", "image_blocked", "image_not_understood", "too_many_images"),
            *("image_model_unavailable", "too_many_uploads", "image_too_slow"),
        ),
    ),
    Call(
        method="GET",
        path=_OWN,
        name="getPrompt",
        tag=TAG,
        summary="What was seen in an image",
        answers=(Answer(status=200, about="It.", body=answers.ImagePrompt),),
        codes=("no_such_image",),
    ),
    Call(
        method="DELETE",
        path=_OWN,
        name="deletePrompt",
        tag=TAG,
        summary="Forget an image before its time",
        answers=(Answer(status=204, about="Nothing is kept of it."),),
        codes=("no_such_image",),
    ),
)
