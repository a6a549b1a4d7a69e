"""The XML API, `/BUCKET/OBJECT`: what signed URLs point at; GET, HEAD, PUT and CORS preflights."""

import datetime as dt
from dataclasses import replace
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.http import Request, Response
from deploy.local.storage import bodies, cors, media, objects, signed
from deploy.local.storage.drafts import Draft
from deploy.local.storage.problems import Problem
from deploy.local.storage.rules import conditions
from deploy.local.storage.state import State
from deploy.local.storage.tables import Resource

_CONDITIONS = {
    "x-goog-if-generation-match": "ifGenerationMatch",
    "x-goog-if-metageneration-match": "ifMetagenerationMatch",
}
_META = "x-goog-meta-"


def answer(state: State, key: rsa.RSAPublicKey, request: Request) -> Response:
    """The reply, errors and CORS headers included."""
    bucket, _, name = unquote(request.path).removeprefix("/").partition("/")
    try:
        response = _answer(state, key, request, bucket, name)
    except Problem as problem:
        response = problem.as_xml()
    with state.transaction() as tables:
        allowed = cors.headers(tables.bucket(bucket) or {}, request)
    return replace(response, headers=response.headers + allowed)


def _answer(
    state: State, key: rsa.RSAPublicKey, request: Request, bucket: str, name: str
) -> Response:
    if request.method == "OPTIONS":
        return Response(200)
    signed.verify(request, key, dt.datetime.now(dt.UTC))
    match request.method:
        case "GET" | "HEAD":
            query = request.query | _conditions(request)
            return media.download(objects.get(state, bucket, name, query), request, query)
        case "PUT":
            return _put(state, request, bucket, name)
    raise Problem(501, "notImplemented", "The local stand-in does not know this request.")


def _put(state: State, request: Request, bucket: str, name: str) -> Response:
    file = state.new_file()
    bodies.receive(request, file)
    draft = Draft(bucket, name, _fields(request), file)
    made = objects.finalize(state, draft, conditions(_conditions(request)))
    headers = (
        ("X-Goog-Generation", made["generation"]),
        ("X-Goog-Metageneration", made["metageneration"]),
        ("X-Goog-Hash", f"crc32c={made['crc32c']},md5={made['md5Hash']}"),
    )
    return Response(200, headers=headers)


def _conditions(request: Request) -> dict[str, str]:
    given = request.headers
    return {name: given[header] for header, name in _CONDITIONS.items() if header in given}


def _fields(request: Request) -> Resource:
    named = {name.lower(): value for name, value in request.headers.items()}
    custom = {k.removeprefix(_META): v for k, v in named.items() if k.startswith(_META)}
    fields = {
        "contentType": named.get("content-type"),
        "cacheControl": named.get("cache-control"),
        "contentDisposition": named.get("content-disposition"),
        "contentEncoding": named.get("content-encoding"),
        "metadata": custom or None,
    }
    return fields | bodies.hashes(request)
