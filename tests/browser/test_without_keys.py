"""The Studio of a stack that asks nobody for a key."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.rigs import running_rig
from tests.support.studio import FAST, opened
from tests.support.waiting import wait_for


def test_it_asks_nobody_who_they_are(chromium: Browser, tmp_path: Path) -> None:
    given = FAST | {"API_AUTH": "off"}
    with running_rig(tmp_path, given) as rig, opened(chromium, rig) as studio:
        expect(studio.page.get_by_role("dialog", name="Sign in")).to_be_hidden()
        expect(studio.page.get_by_role("button", name="Sign out")).to_be_hidden()
        track_id = studio.made("For anybody at this machine")
        studio.page.get_by_role("button", name="Play", exact=True).click()
        wait_for(lambda: studio.at() > 0.2)
        studio.page.reload()
        expect(studio.row(track_id)).to_be_visible()
