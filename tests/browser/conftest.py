"""Debian's Chromium over whole stacks: one without keys, one that asks for them."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.rig import Rig
from tests.support.rigs import running_rig
from tests.support.studio import FAST, Studio, opened

CHROMIUM = shutil.which("chromium")
ARGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        leave = pytest.fail if os.environ.get("NOTHING_LEFT_OUT") else pytest.skip
        leave("left out: no chromium here (apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def keyed_rig(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("keys"), FAST | {"API_AUTH": "on"}) as rig:
        rig.http.headers["Authorization"] = f"Bearer {rig.info['api_key']}"
        yield rig


@pytest.fixture
def rig(keyed_rig: Rig) -> Iterator[Rig]:
    with keyed_rig.addressed():
        yield keyed_rig
    keyed_rig.calm("vertex")


@pytest.fixture
def studio(chromium: Browser, rig: Rig) -> Iterator[Studio]:
    """The page, signed in; whatever it complains about in its console fails the test."""
    with opened(chromium, rig) as studio:
        yield studio
