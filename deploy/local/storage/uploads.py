"""Uploads of the JSON API: simple (media), multipart, and resumable sessions.

Sessions are rows and growing files, so that an upload goes on after a restart as after a broken
connection; their protocol is Cloud Storage's "Resumable uploads" page.
"""

import re
import threading
import uuid
from pathlib import Path
from urllib.parse import quote

from deploy.local.http import Request, Response
from deploy.local.storage import bodies, objects
from deploy.local.storage.drafts import Draft
from deploy.local.storage.problems import Problem, invalid
from deploy.local.storage.rules import conditions
from deploy.local.storage.state import State
from deploy.local.storage.tables import Resource

_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class Uploads:
    """What answers below `/upload/storage/v1/b/BUCKET/o`."""

    def __init__(self, state: State) -> None:
        """One per server: it keeps two requests out of one session."""
        self._state = state
        self._busy: dict[str, threading.Lock] = {}

    def start(self, bucket: str, request: Request, host: str) -> Resource | Response:
        """A whole object in one request, or a session. Raises Problem 400, 404 or 412."""
        match request.query.get("uploadType"):
            case "media":
                file = self._state.new_file()
                bodies.receive(request, file)
                fields = {"contentType": request.headers.get("Content-Type")}
                fields |= bodies.hashes(request)
            case "multipart":
                fields, content = bodies.multipart(request)
                file = self._state.new_file()
                file.write_bytes(content)
            case "resumable":
                return self._open(bucket, request, host)
            case other:
                raise invalid(f"Invalid value for uploadType: {other}")
        draft = Draft(bucket, bodies.target(request), fields, file)
        return objects.finalize(self._state, draft, conditions(request.query))

    def go_on(self, upload_id: str, request: Request) -> Resource | Response:
        """A chunk, or the question how far we are: 308 with Range, at the end the resource.

        Raises Problem 400, 404 or 412; a session that ended well says so for ever.
        """
        with self._alone(upload_id):
            session, file = self._session(upload_id)
            if "done" in session:
                done: Resource = session["done"]
                return done
            if not _append(request, file):
                size = file.stat().st_size
                return Response(308, headers=(("Range", f"bytes=0-{size - 1}"),) if size else ())
            return self._close(upload_id, session, file, request)

    def cancel(self, upload_id: str) -> Response:
        """End a session: 499, as Cloud Storage answers it."""
        with self._alone(upload_id), self._state.transaction() as tables:
            tables.remove_upload(upload_id)
        return Response(499)

    def _open(self, bucket: str, request: Request, host: str) -> Response:
        name = bodies.target(request)
        fields = bodies.document(request)
        fields.setdefault("contentType", request.headers.get("X-Upload-Content-Type"))
        wanted = conditions(request.query)
        objects.check_target(self._state, bucket, name, wanted)
        upload_id, file = uuid.uuid4().hex, self._state.new_file()
        file.touch()
        session = {"bucket": bucket, "name": name, "fields": fields, "wanted": wanted}
        with self._state.transaction() as tables:
            tables.save_upload(upload_id, session, file)
        where = f"{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable"
        location = f"{where}&name={quote(name, safe='')}&upload_id={upload_id}"
        return Response(200, headers=(("Location", location), ("X-GUploader-UploadID", upload_id)))

    def _close(self, upload_id: str, session: Resource, file: Path, request: Request) -> Resource:
        fields = session["fields"] | bodies.hashes(request)
        where = session["bucket"], session["name"]
        draft = Draft(*where, fields, file, session=upload_id)
        try:
            return objects.finalize(self._state, draft, session["wanted"])
        except Problem:
            with self._state.transaction() as tables:
                tables.remove_upload(upload_id)
            raise

    def _alone(self, upload_id: str) -> threading.Lock:
        return self._busy.setdefault(upload_id, threading.Lock())

    def _session(self, upload_id: str) -> tuple[Resource, Path]:
        with self._state.transaction() as tables:
            found = tables.upload(upload_id)
        if found is None:
            raise Problem(404, "notFound", "No such upload session.")
        return found


def _append(request: Request, file: Path) -> bool:
    """Write what the request brings, as it arrives; True when the object is whole."""
    header = request.headers.get("Content-Range", "").strip()
    given = _RANGE.fullmatch(header)
    if header and not given:
        raise invalid("Invalid Content-Range.")
    first, total = given.groups() if given else ("0", None)
    if first is not None:
        _write(request, file, int(first))
    if not given:
        return True
    size = file.stat().st_size
    if total != "*" and size > int(total or 0):
        raise invalid("More bytes than Content-Range announces.")
    return total != "*" and size == int(total or 0)


def _write(request: Request, file: Path, first: int) -> None:
    if first > file.stat().st_size:
        raise invalid("A chunk may not begin behind what has been stored.")
    with file.open("r+b", buffering=0) as content:
        content.seek(first)
        for piece in request.chunks():
            content.write(piece)
