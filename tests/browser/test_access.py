"""Usable by everybody: axe-core's rules, the keyboard alone, a phone, both themes."""

from functools import partial
from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.support.rig import Rig
from tests.support.studio import Studio, opened
from tests.support.waiting import wait_for

AT_ONCE = """(e, keys) => {
    e.focus();
    for (const key of keys) e.dispatchEvent(new KeyboardEvent("keydown", { key }));
}"""
"""Keys that have come while the page was busy."""
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()


def violations(studio: Studio) -> list[tuple[str, Any]]:
    """What axe finds, and where."""
    studio.page.evaluate(AXE)
    found = studio.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 10, "it has looked at nothing"
    return [(v["id"], [node["target"] for node in v["nodes"]]) for v in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(studio: Studio, scheme: Literal["light", "dark"]) -> None:
    page = studio.page
    studio.expected.add("status of 400 ")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert violations(studio) == [], "empty"
    studio.compose("Something to look at while it is made")
    expect(page.locator("#making")).to_be_visible()
    assert violations(studio) == [], "in the making"
    studio.is_now("Finished")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Prompt").fill("x")
    studio.send.click()
    expect(page.locator("#prompt-error")).not_to_be_empty()
    assert violations(studio) == [], "finished, with a refused form"
    studio.act("Delete").click()
    assert violations(studio) == [], "a question"


@pytest.mark.parametrize("size", [(1280, 720), (800, 800), (360, 740)])
def test_what_is_said_of_a_field_can_be_seen(
    chromium: Browser, rig: Rig, size: tuple[int, int]
) -> None:
    with opened(chromium, rig, viewport={"width": size[0], "height": size[1]}) as studio:
        studio.expected.add("status of 400 ")
        studio.page.get_by_text("More", exact=True).click()
        studio.page.get_by_label("Costs at most").fill("0.01")
        studio.compose("Slow rain over a harbour")
        expect(studio.page.locator("#limit-error")).not_to_be_empty()
        on_top = """e => { const { left, top, bottom } = e.getBoundingClientRect();
            return document.elementFromPoint(left + 5, (top + bottom) / 2) === e }"""
        for place in ("#limit", "#limit-error"):
            wait_for(partial(studio.page.locator(place).evaluate, on_top))


def test_the_switch_outlives_a_reload(studio: Studio) -> None:
    page = studio.page
    page.emulate_media(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")


def test_the_keyboard_is_enough(studio: Studio) -> None:
    page = studio.page
    page.get_by_label("Prompt").focus()
    page.keyboard.type("Typed, sent and played without a mouse")
    order = [focus(studio)]
    while order[-1] != "send":
        page.keyboard.press("Tab")
        order.append(focus(studio))
        assert len(order) < 30, order
    assert order.index("length") < order.index("seconds") < order.index("send")
    page.get_by_label("Length", exact=True).fill("25")
    page.keyboard.press("Enter")
    studio.is_now("Finished")
    wave = page.get_by_role("slider", name="Position in the track")
    while focus(studio) != "wave":
        page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    wait_for(lambda: page.evaluate("document.querySelector('audio').readyState") > 0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    expect(wave).to_have_attribute("aria-valuetext", "0:20 of 0:25")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(wave).to_have_attribute("aria-valuetext", "0:00 of 0:25")
    wait_for(lambda: studio.at() == 0)
    page.keyboard.press("Space")
    wait_for(lambda: studio.at() > 0.2)
    page.keyboard.press("Space")
    assert page.evaluate("document.querySelector('audio').paused")


def test_keys_may_be_faster_than_the_audio(studio: Studio) -> None:
    studio.made("There and back before a note is heard", seconds=25)
    wait_for(lambda: studio.page.evaluate("document.querySelector('audio').readyState") > 0)
    for _ in range(4):
        studio.page.locator("#wave").evaluate(AT_ONCE, ["PageUp"])
        wait_for(lambda: studio.at() == 15)
        studio.page.locator("#wave").evaluate(AT_ONCE, ["Home", "ArrowUp", "ArrowLeft"])
        wait_for(lambda: studio.at() == 0)
        studio.page.keyboard.press("Space")
        wait_for(lambda: studio.at() > 0.5)
        studio.page.keyboard.press("Space")
        studio.page.locator("#wave").evaluate(AT_ONCE, ["Home"])
        wait_for(lambda: studio.at() == 0)


def focus(studio: Studio) -> str:
    found: str = studio.page.evaluate("document.activeElement.id")
    return found


def test_a_phone_shows_it_all(chromium: Browser, rig: Rig) -> None:
    phone = {"width": 360, "height": 740}
    with opened(chromium, rig, viewport=phone, has_touch=True, is_mobile=True) as studio:
        assert width(studio) == 360
        studio.page.get_by_text("More", exact=True).tap()
        studio.page.get_by_label("Title").fill("Donaudampfschifffahrtsgesellschaftskapitän" * 3)
        studio.made("Verylongwordwithoutanyblankatall" * 8)
        assert width(studio) == 360
        studio.page.get_by_role("button", name="Play", exact=True).tap()
        wait_for(lambda: studio.at() > 0.2)


def width(studio: Studio) -> int:
    """How wide the page is: beyond the screen it would have to be scrolled."""
    found: int = studio.page.evaluate("document.documentElement.scrollWidth")
    return found
