import re

import pytest
from werkzeug.datastructures import Headers

from services.ingest.studio import routes
from shared.gcp.signing import BucketUrls
from tests.support.api import Api

TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def page(api: Api) -> str:
    answer = api.client.get("/")
    assert answer.status_code == 200
    return answer.text


def assets(api: Api) -> list[str]:
    """Every file that the page names."""
    found = re.findall(r'(?:href|src)="(/studio/[^"]+)"', page(api))
    assert len(found) > 20
    return found


def policy(headers: Headers) -> dict[str, str]:
    """The Content-Security-Policy, by directive."""
    rules = (rule.partition(" ") for rule in headers["Content-Security-Policy"].split("; "))
    return {name: value for name, _, value in rules}


def test_the_page_allows_nothing_but_us_and_the_bucket(public_api: Api) -> None:
    answer = public_api.client.get("/")
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    rules = policy(answer.headers)
    stored = f"'self' {public_api.storage_url}"
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["img-src"] == rules["media-src"] == rules["connect-src"] == stored
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"


def test_a_page_holds_no_script_and_no_style_of_its_own(public_api: Api) -> None:
    text = page(public_api)
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", text) == []
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", text) == []
    assert "{assets}" not in text


def test_every_named_file_is_there_and_may_be_kept_for_ever(public_api: Api) -> None:
    for path in assets(public_api):
        answer = public_api.client.get(path)
        assert (answer.status_code, answer.content_type) == (200, TYPES[path.rpartition(".")[2]])
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.data


def test_every_import_leads_to_a_named_file(public_api: Api) -> None:
    """A module that no preload names would be fetched one round trip later."""
    named = {path.rpartition("/")[2] for path in assets(public_api)}
    imported: set[str] = set()
    for path in assets(public_api):
        if path.endswith(".js"):
            text = public_api.client.get(path).text
            imported |= set(re.findall(r'from "\./([a-z]+\.js)"', text))
    assert imported
    assert imported <= named


@pytest.mark.parametrize("kind", ["page", "asset"])
def test_what_is_known_is_not_sent_again(public_api: Api, kind: str) -> None:
    path = "/" if kind == "page" else assets(public_api)[0]
    first = public_api.client.get(path)
    head = public_api.client.head(path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == first.headers["ETag"]
    assert head.content_length == len(first.data)
    again = public_api.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = public_api.client.get(path, headers={"If-None-Match": '"other"'})
    assert other.data == first.data


def test_the_page_itself_is_asked_for_each_time(public_api: Api) -> None:
    assert public_api.client.get("/").headers["Cache-Control"] == "no-cache"


def test_another_version_gets_ours_and_does_not_keep_it(public_api: Api) -> None:
    path = next(path for path in assets(public_api) if path.endswith("/app.js"))
    answer = public_api.client.get("/studio/0123456789abcdef/app.js")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert answer.data == public_api.client.get(path).data


@pytest.mark.parametrize("name", ["nothing.js", "index.html", "..%2f__init__.py", "app.js.map"])
def test_what_is_no_asset_is_not_there(public_api: Api, name: str) -> None:
    version = assets(public_api)[0].split("/")[2]
    assert public_api.client.get(f"/studio/{version}/{name}").status_code == 404


def test_in_the_cloud_the_bucket_is_googles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    origin = BucketUrls(None, None).origin  # type: ignore[arg-type]  # nothing is signed
    assert origin == "https://storage.googleapis.com"
    assert f"media-src 'self' {origin};" in routes.policy(origin)
