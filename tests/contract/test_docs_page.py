"""``/openapi.json`` and ``/docs`` as they are served: what is registered, cached, and shown."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from services.ingest.openapi.calls import CALLS
from services.ingest.openapi.codes import CODES
from services.ingest.openapi.routes import rules
from tests.support.api import Api
from tests.support.keyed import SESSION_KEY
from tests.support.streams import Serving, serving

CHROMIUM = shutil.which("chromium")
ASSETS = {("GET", "/docs/{name}"), ("GET", "/studio/{version}/{name}")}
"""What pages load."""
REFUSED = {("PUT", "/"), ("PATCH", "/"), ("DELETE", "/")}
"""The first service's words for another method."""
INTERNAL = {("POST", "/internal/token")}
"""What operators call."""
CONTRAST = """() => {
  const channels = (color) => color.match(/[0-9.]+/g).map(Number);
  const luminance = (color) => channels(color).slice(0, 3)
    .map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const under = (one) => {
    const color = getComputedStyle(one).backgroundColor;
    return channels(color)[3] === 0 && one.parentElement ? under(one.parentElement) : color;
  };
  const found = {};
  for (const one of document.querySelectorAll("body *")) {
    if (![...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [text, ground] = [getComputedStyle(one).color, under(one)];
    const [dark, light] = [luminance(text), luminance(ground)].sort((a, b) => a - b);
    found[`${text} on ${ground}`] = (light + 0.05) / (dark + 0.05);
  }
  return found;
}"""
"""Colours of all text, each on what is under it -> their contrast (WCAG 2)."""


def test_every_route_is_described_and_every_call_is_a_route(public_api: Api) -> None:
    served = rules(public_api.app) - ASSETS - REFUSED - INTERNAL
    assert {(call.method, call.path) for call in CALLS} == served
    document = public_api.client.get("/openapi.json").get_json()
    described = {
        (method.upper(), path) for path, one in document["paths"].items() for method in one
    }
    assert described == served


def test_a_route_that_is_off_is_not_described(public_api: Api) -> None:
    cloud = public_api.make(k_service="x", api_auth="on", session_keys=SESSION_KEY)
    document = cloud.test_client().get("/openapi.json").get_json()
    assert "post" not in document["paths"]["/"]
    assert document["paths"]["/v1/tracks"]["get"]["security"] != []


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/docs.css", "/docs/docs.js"])
def test_what_has_not_changed_is_not_sent_again(public_api: Api, path: str) -> None:
    first = public_api.client.get(path)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
    again = public_api.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert public_api.client.head(path).headers["ETag"] == first.headers["ETag"]


def test_there_are_no_other_files(public_api: Api) -> None:
    for name in ("docs.html", "..%2fpage.py", "nothing.js"):
        assert public_api.client.get(f"/docs/{name}").status_code == 404


def test_every_problem_leads_to_its_code(public_api: Api) -> None:
    page = public_api.client.get("/docs").text
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert CODES.keys() <= set(ids)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    problem = public_api.client.get("/v1/tracks/none").get_json(force=True)
    assert problem["type"] == "/docs#no_such_track"


@pytest.fixture(scope="module")
def ingest(public_api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(public_api, tmp_path_factory.mktemp("docs")) as started:
        yield started


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("left out: no chromium here (apt install chromium)")
    with sync_playwright() as playwright:
        args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield browser
        browser.close()


def opened(chromium: Browser, ingest: Serving, width: int, fragment: str = "") -> Page:
    """The page; a complaint of the browser, or a request to another host, fails the test."""
    page = chromium.new_page(viewport={"width": width, "height": 800})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{ingest.url}/docs{fragment}", wait_until="networkidle")
    assert complaints == []
    assert f"{ingest.url}/docs/docs.js" in asked
    assert [url for url in asked if not url.startswith(f"{ingest.url}/")] == []
    return page


def test_the_page_filters_its_calls_from_the_keyboard(chromium: Browser, ingest: Serving) -> None:
    page = opened(chromium, ingest, 1280)
    assert page.locator("article.call:visible").count() > len(CALLS)
    page.keyboard.press("/")
    page.keyboard.type("not_retryable")
    assert page.locator("#found").inner_text() == f"1 of {len(CALLS)} calls"
    assert page.locator("nav li[data-entry]:visible").count() == 1
    page.evaluate("location.hash = '#cancelTrack'")
    page.locator("#cancelTrack").wait_for(state="visible")
    page.close()


@pytest.mark.parametrize("width", [360, 768, 1600])
def test_the_page_fits_its_window(chromium: Browser, ingest: Serving, width: int) -> None:
    page = opened(chromium, ingest, width, "#rate_limited")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#rate_limited").is_visible()
    page.close()


def test_text_can_be_read_in_both_themes(chromium: Browser, ingest: Serving) -> None:
    page = opened(chromium, ingest, 1280)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        ratios = page.evaluate(CONTRAST)
        assert len(ratios) > 5
        assert min(ratios.values()) >= 4.5, ratios
    page.close()
