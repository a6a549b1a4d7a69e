"""The Studio as somebody uses it, and everything that its console says."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.support.rig import Rig

FAST: Final = {"VERTEX_LATENCY_SECONDS": "0.5", "VERTEX_PRERENDERED": "1", "WORK_SLOTS": "8"}
"""What stacks for the page are given: clips that are there, sooner than Lyria's."""
PATIENCE: Final = 40_000
"""Milliseconds for anything to appear: two cores may be busy."""


class Studio:
    """One page of one stack."""

    def __init__(self, page: Page, info: Mapping[str, Any]) -> None:
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        self.page = page
        self.info = info
        self.expected: set[str] = set()
        """Parts of what browsers log about refusals and losses that a test provokes."""
        self.complaints: list[str] = []
        self.outside: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("request", lambda request: self._request(request.url))

    def enter(self) -> None:
        """Open the page; with the stack's key where it asks for one."""
        self.page.goto(self.info["studio"])
        if "api_key" in self.info:
            self.page.get_by_label("API key").fill(self.info["api_key"])
            self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.locator("#rows")).to_have_attribute("aria-busy", "false")

    def check(self) -> None:
        """Whether the page was content, and stayed at home."""
        assert not self.complaints, self.complaints
        assert not self.outside, self.outside

    def compose(self, prompt: str, *, seconds: float = 4) -> None:
        """Fill in the form, and send it."""
        self.page.get_by_label("Prompt").fill(prompt)
        self.page.get_by_label("Length", exact=True).fill(f"{seconds:g}")
        self.send.click()

    def made(self, prompt: str, **given: float) -> str:
        """The id of a track that was composed here and is finished."""
        self.compose(prompt, **given)
        self.is_now("Finished")
        return self.opened

    def is_now(self, state: str) -> None:
        """Wait until the opened track is in this state."""
        expect(self.page.locator("#now-chip")).to_have_text(state)

    @property
    def send(self) -> Locator:
        """The button of the form."""
        return self.page.locator("#send")

    @property
    def opened(self) -> str:
        """The id of the opened track, as the page has it: Playwright hears of it later."""
        found: str = self.page.evaluate("location.hash.slice(1)")
        return found

    def listed(self) -> list[tuple[str, str]]:
        """Id and title of each row of the library, from above."""
        rows = self.page.locator("#rows .row").evaluate_all(
            "rows => rows.map(row => [row.dataset.id, row.querySelector('.row-title').innerText])"
        )
        return [(track_id, title) for track_id, title in rows]

    def act(self, name: str) -> Locator:
        """A button of the opened track, by its visible beginning."""
        return self.page.locator("#actions").get_by_role("button", name=name)

    def row(self, track_id: str) -> Locator:
        """A track's row in the library."""
        return self.page.locator(f"#rows [data-id='{track_id}']")

    def at(self) -> float:
        """Where the audio stands, in seconds."""
        return float(self.page.evaluate("document.querySelector('audio').currentTime"))

    def inked(self) -> dict[str, int]:
        """How many pixels of the waveform are drawn, in each colour (fully opaque ones)."""
        found: dict[str, int] = self.page.evaluate(_INKED)
        return found

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if not any(part in message.text for part in self.expected):
            self.complaints.append(f"{message.type}: {message.text}")

    def _request(self, url: str) -> None:
        ours = (self.info["studio"], self.info["storage"], "data:", "blob:")
        if not url.startswith(ours):
            self.outside.append(url)


@contextmanager
def opened(browser: Browser, rig: Rig, **options: Any) -> Iterator[Studio]:
    """The page of *rig* in a context of its own; *options* are Playwright's."""
    with browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}) as context:
        studio = Studio(context.new_page(), rig.info)
        studio.enter()
        yield studio
        studio.check()


_INKED: Final = """() => {
  const { width, height } = document.querySelector('#canvas');
  const copy = Object.assign(document.createElement('canvas'), { width, height });
  const paint = copy.getContext('2d', { willReadFrequently: true });
  paint.drawImage(document.querySelector('#canvas'), 0, 0);
  const { data } = paint.getImageData(0, 0, width, height);
  const found = {};
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 255) continue;
    const colour = [data[i], data[i + 1], data[i + 2]].join(',');
    found[colour] = (found[colour] || 0) + 1;
  }
  return found;
}"""
