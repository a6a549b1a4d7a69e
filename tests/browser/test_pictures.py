"""A picture instead of words, dropped on the Studio's form, chosen, or refused."""

import base64
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.support.images import city_night, encoded, forest, sunset
from tests.support.rig import Rig
from tests.support.studio import Studio

_DROP = """([name, text]) => {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], name, { type: "image/png" }));
  const form = document.querySelector("#compose");
  for (const kind of ["dragover", "drop"]) {
    const told = { dataTransfer: files, bubbles: true, cancelable: true };
    form.dispatchEvent(new DragEvent(kind, told));
  }
}"""


def drop(studio: Studio, data: bytes) -> None:
    studio.page.evaluate(_DROP, ["picture.png", base64.b64encode(data).decode()])


def test_a_dropped_picture_fills_in_the_form_and_becomes_music(studio: Studio, rig: Rig) -> None:
    page, data = studio.page, encoded(city_night(7), "PNG")
    drop(studio, data)
    expect(page.locator("#picture-told")).to_contain_text("neon")
    seen = rig.http.post(f"{rig.info['api']}/v1/prompts", files={"image": data}, timeout=60).json()
    expect(page.get_by_label("Prompt")).to_have_value(seen["prompt"])
    expect(page.get_by_label("Electronic")).to_be_checked()
    expect(page.get_by_label(seen["tempo"].capitalize())).to_be_checked()
    page.get_by_label("Length", exact=True).fill("4")
    studio.send.click()
    studio.is_now("Finished")
    track = rig.get(studio.opened)
    assert track["image_id"] == seen["image_id"]
    assert track["parameters"]["prompt"] == seen["prompt"]
    drop(studio, encoded(sunset(8), "PNG"))
    expect(page.get_by_label("Ambient")).to_be_checked()


def test_a_picture_is_chosen_and_its_words_changed(
    studio: Studio, rig: Rig, tmp_path: Path
) -> None:
    page, path = studio.page, tmp_path / "forest.jpg"
    path.write_bytes(encoded(forest(5)))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="From a picture").click()
    chooser.value.set_files(path)
    expect(page.get_by_label("Instrumental")).to_be_checked()
    expect(page.get_by_label("Prompt")).to_have_value(re.compile("fingerpicked"))
    studio.compose("something else altogether, with bells")
    studio.is_now("Finished")
    assert rig.get(studio.opened)["image_id"] is None


def test_what_is_no_picture_is_refused_beside_the_form(studio: Studio) -> None:
    studio.expected.add("status of 415")
    studio.page.get_by_label("Prompt").fill("words that stay")
    drop(studio, b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    told = studio.page.locator("#picture-error")
    expect(told).to_contain_text("it is an SVG or XML file")
    expect(told).to_contain_text("Send a PNG, JPEG or WebP image")
    expect(studio.page.get_by_label("Prompt")).to_have_value("words that stay")
