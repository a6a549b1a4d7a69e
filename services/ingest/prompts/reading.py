"""The one image of a multipart body, by the type of its bytes and not by what is said of it."""

from io import BytesIO
from typing import Any, Final

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from services.ingest.prompts import deadlines, refusals
from services.ingest.prompts.refusals import FIELD, MOST_BYTES
from shared.edge import read_body
from shared.problems import Problem

_AROUND: Final = 16 * 1024
"""Bytes that boundaries and headers of parts may take: as objects they are many times as much."""
_MOST_PARTS: Final = 8
SECONDS: Final = 30.0
"""For the whole body: 10 MB at some 3 Mbit/s. As long as others wait for the place it holds."""


def read_image(seconds: float = SECONDS) -> bytes:
    """The file of the part ``image`` of the present request, which has to arrive in *seconds*.

    Raises:
        Problem: 413 too long (noticed while reading), 415 no multipart, 400 not one image,
            408 too slow.
        BadRequest: it broke off (400).
    """
    kind, options = request.mimetype, request.mimetype_params
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Problem(
            415,
            "unsupported_media_type",
            "The body must be multipart/form-data with a boundary.",
            field="Content-Type",
            cure="Send the image as a form does: curl -F image=@picture.jpg",
        )
    return _image(_body(seconds), options["boundary"])


def _body(seconds: float) -> bytes:
    with deadlines.arriving(seconds) as late:
        try:
            return read_body(MOST_BYTES + _AROUND)
        except RequestEntityTooLarge:
            raise refusals.too_large() from None
        except BadRequest:
            if late.is_set():
                raise refusals.too_slow(seconds) from None
            raise


def _image(body: bytes, boundary: str) -> bytes:
    parser = MultiPartParser(
        stream_factory=_memory,
        # What comes in and is no file's content yet: that is, the headers of a part.
        buffer_size=_AROUND,
        max_form_memory_size=2 * _AROUND,
        max_form_parts=_MOST_PARTS,
    )
    try:
        form, files = parser.parse(BytesIO(body), boundary.encode("ascii"), len(body))
    except (ValueError, RequestEntityTooLarge):
        raise Problem(
            400,
            "bad_request",
            "The body is no proper multipart/form-data.",
            field="body",
            cure="Send the image as a form does: curl -F image=@picture.jpg",
        ) from None
    return _only(list(files.items(multi=True)), list(form))


def _only(files: list[tuple[str, FileStorage]], fields: list[str]) -> bytes:
    """The bytes of the one file that should be there."""
    names = [name or "" for name in (*(name for name, _ in files), *fields)]  # None: it has none
    others = [name for name in names if name != FIELD]
    if others:
        detail = "The form has a part that is not `image`."
        raise Problem(400, "unknown_field", detail, field=others[0][:64], cure="Leave it out.")
    if not files:
        detail = "image: the form has no file of this name."
        cure = "Send one file in the part `image`, with a file name."
        raise Problem(400, "missing_field", detail, field=FIELD, cure=cure)
    if len(files) > 1 or fields:
        raise Problem(
            400, "invalid_field", "image: comes more than once.", field=FIELD, cure="Send one."
        )
    data = files[0][1].stream.read()
    if len(data) > MOST_BYTES:
        raise refusals.too_large()
    return bytes(data)


def _memory(*_: Any, **__: Any) -> BytesIO:
    """Where parts are put: not into files, which would be memory in the cloud, too."""
    return BytesIO()
