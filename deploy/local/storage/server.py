"""Which request goes where: CDN, JSON API, uploads, downloads, signBlob, else the XML API."""

import base64
from pathlib import Path
from urllib.parse import quote, unquote

from deploy.local import keys
from deploy.local.faults import Faults, with_faults
from deploy.local.http import Handler, Request, Response
from deploy.local.storage import buckets, iam, listing, media, objects, xml
from deploy.local.storage.bodies import document, target
from deploy.local.storage.edge import BackendBucket
from deploy.local.storage.problems import Problem
from deploy.local.storage.rules import conditions
from deploy.local.storage.state import State
from deploy.local.storage.tables import Resource
from deploy.local.storage.uploads import Uploads

_NO_CONTENT = Response(204)


class Storage:
    """The stand-in over one state folder and one folder of keys."""

    def __init__(self, state: State, key_folder: Path) -> None:
        """The keys must exist (`keys.ensure`)."""
        self._state = state
        self._uploads = Uploads(state)
        self._key = keys.signer(key_folder)

    def handle(self, request: Request) -> Response:
        """Answer one request, refusals included."""
        try:
            match [unquote(part) for part in request.path.split("/")[1:]]:
                case ["storage", "v1", "b", *rest]:
                    return self._buckets(request, rest)
                case ["upload", "storage", "v1", "b", bucket, "o"]:
                    return self._upload(request, bucket)
                case ["download", "storage", "v1", "b", bucket, "o", name]:
                    return self._media(request, bucket, name)
                case ["v1", "projects", "-", "serviceAccounts", call] if call.endswith(":signBlob"):
                    return iam.sign_blob(request, call.removesuffix(":signBlob"), self._key)
        except Problem as problem:
            return problem.as_json()
        return xml.answer(self._state, self._key.private.public_key(), request)

    def _buckets(self, request: Request, path: list[str]) -> Response:
        state, query = self._state, request.query
        match request.method, path:
            case "GET", []:
                answer = buckets.listing(state, query)
            case "POST", []:
                answer = buckets.create(state, document(request))
            case "GET", [name]:
                answer = buckets.get(state, name, query)
            case "PATCH", [name]:
                answer = buckets.patch(state, name, document(request), query)
            case "DELETE", [name]:
                buckets.delete(state, name, query)
                return _NO_CONTENT
            case "GET", [name, "iam"]:
                answer = buckets.policy(state, name)
            case "PUT", [name, "iam"]:
                answer = buckets.set_policy(state, name, document(request))
            case _, [name, "o", *rest]:
                return self._objects(request, name, rest)
            case _:
                raise _unknown()
        return Response.json(answer)

    def _objects(self, request: Request, bucket: str, path: list[str]) -> Response:
        state, query = self._state, request.query
        match request.method, path:
            case "GET", []:
                page = listing.listing(state, bucket, query)
                page["items"] = [_shown(item, request) for item in page["items"]]
                return Response.json(page)
            case "GET", [name] if query.get("alt") == "media":
                return self._media(request, bucket, name)
            case "GET", [name]:
                version = objects.get(state, bucket, name, query)
                return Response.json(_shown(version.resource, request))
            case "PATCH", [name]:
                change = document(request)
                patched = objects.patch(state, bucket, name, change, query)
                return Response.json(_shown(patched, request))
            case "DELETE", [name]:
                objects.delete(state, bucket, name, query)
                return _NO_CONTENT
            case "POST", [name, "compose"]:
                order, wanted = document(request), conditions(query)
                made = objects.compose(state, bucket, name, order, wanted)
                return Response.json(_shown(made, request))
        raise _unknown()

    def _media(self, request: Request, bucket: str, name: str) -> Response:
        version = objects.get(self._state, bucket, name, request.query)
        return media.download(version, request, request.query)

    def _upload(self, request: Request, bucket: str) -> Response:
        upload_id = request.query.get("upload_id")
        if upload_id is None:
            answer = self._uploads.start(bucket, request, _host(request))
        elif request.method == "DELETE":
            answer = self._uploads.cancel(upload_id)
        else:
            answer = self._uploads.go_on(upload_id, request)
        return answer if isinstance(answer, Response) else Response.json(_shown(answer, request))


def application(
    state: State, data: Path, key_folder: Path, cdn: BackendBucket | None = None
) -> Handler:
    """The stand-in with its fault rules, which match on method, path (decoded) and object.

    What is signed for a CDN gets to the bucket of `cdn`, which may change while it serves.
    """
    storage = Storage(state, key_folder)
    edge = cdn or BackendBucket()
    faults = Faults(data, fields=("method", "path", "object"))

    def handle(request: Request) -> Response:
        return edge.answer(state, request) if edge.takes(request) else storage.handle(request)

    return with_faults(faults, handle, _fault_fields)


def _fault_fields(request: Request) -> dict[str, str]:
    path = unquote(request.path)
    return {"method": request.method, "path": path, "object": _object(request)}


def _object(request: Request) -> str:
    """The name of the object that a request is about, "" if it is about none."""
    match [unquote(part) for part in request.path.split("/")[1:]]:
        case ["upload", "storage", "v1", "b", _, "o"]:
            try:
                return target(request)
            except Problem:
                return ""
        case ["storage", "v1", "b", *rest] | ["download", "storage", "v1", "b", *rest]:
            return rest[2] if len(rest) > 2 else ""  # noqa: PLR2004  # BUCKET, "o", OBJECT
        case ["v1", *_]:
            return ""
        case [_, *name]:
            return "/".join(name)
    return ""


def _shown(resource: Resource, request: Request) -> Resource:
    """An object's resource with what depends on how the server was reached."""
    bucket, name = resource["bucket"], resource["name"]
    generation, metageneration = resource["generation"], resource["metageneration"]
    path = f"storage/v1/b/{bucket}/o/{quote(name, safe='')}"
    return {
        **resource,
        "id": f"{bucket}/{name}/{generation}",
        "etag": base64.b64encode(f"{generation}/{metageneration}".encode()).decode(),
        "selfLink": f"{_host(request)}/{path}",
        "mediaLink": f"{_host(request)}/download/{path}?generation={generation}&alt=media",
    }


def _host(request: Request) -> str:
    return f"http://{request.headers.get('Host', '')}"


def _unknown() -> Problem:
    return Problem(501, "notImplemented", "The local stand-in does not know this request.")
