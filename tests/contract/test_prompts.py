"""Images through the API, under gunicorn, with the stand-in of Gemini behind it."""

import json
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from services.ingest.prompts.rations import Rations
from services.ingest.prompts.records import IMAGES, KEPT
from services.ingest.prompts.use_cases import Prompts
from services.ingest.tracks import catalog
from shared.ports import Update
from tests.support.api import Api
from tests.support.gemini import Gemini, looking
from tests.support.images import SCENES, encoded, ordinary, png, png_chunk, sunset
from tests.support.keyed import Keyed
from tests.support.streams import Serving, serving
from tests.support.traps import hostile

MB = 2**20


@pytest.fixture(scope="module")
def gemini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gemini]:
    with looking(tmp_path_factory.mktemp("gemini")) as started:
        yield started


@pytest.fixture(scope="module")
def ingest(
    public_api: Api, gemini: Gemini, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("ingest")
    env = {"GEMINI_ENDPOINT": gemini.url, "IMAGES_PER_MINUTE": "6000"}
    with serving(public_api, folder, **env) as started:
        yield started


def send(ingest: Serving, data: bytes, name: str = "image", **more: Any) -> requests.Response:
    files = {name: ("picture.jpg", data, "image/jpeg")}
    return requests.post(f"{ingest.url}/v1/prompts", files=files, timeout=120, **more)


def seen(ingest: Serving, data: bytes) -> dict[str, Any]:
    answer = send(ingest, data)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(answer: requests.Response, status: int, code: str, field: str = "image") -> None:
    found = answer.json()
    assert (answer.status_code, found["code"], found.get("field", "")) == (status, code, field)
    assert found["detail"]
    assert found["cure"]
    assert answer.headers["Content-Type"] == "application/problem+json"


def submit(ingest: Serving, key: str = "", **body: Any) -> requests.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return requests.post(f"{ingest.url}/v1/tracks", json=body, headers=headers, timeout=60)


def fresh(number: int) -> bytes:
    """An image that nobody has sent yet."""
    return encoded(sunset(10_000 + number), comment=f"{number}".encode())


def test_scenes_that_differ_differ_in_style_tempo_and_words(ingest: Serving) -> None:
    four = [seen(ingest, encoded(SCENES[name]())) for name in list(SCENES)[:4]]
    assert len({one["style"] for one in four}) == 4
    assert {one["tempo"] for one in four} == {*catalog.TEMPO_WORDS}
    assert len({(one["style"], one["tempo"]) for one in four}) == 4
    for one in four:
        for other in four:
            if one is not other:
                words, others = ({*x["prompt"].split()} for x in (one, other))
                assert len(words & others) < len(words) / 2
                assert not {*one["palette"][:3]} & {*other["palette"][:3]}


def memory(ingest: Serving) -> int:
    """The most bytes that one of its processes has ever held."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:  # it has just ended
            continue
        if int(lines["NSpid"].split()[0]) in family(ingest.process.pid):
            found.append(int(lines["VmHWM"].split()[0]) * 1024)
    return max(found)


def family(pid: int) -> set[int]:
    """The process and its children."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return {pid, *map(int, path.read_text().split())}


def test_ordinary_images_are_understood_and_hostile_ones_refused(ingest: Serving) -> None:
    seen(ingest, fresh(1))
    before = memory(ingest)
    images = list(ordinary(200))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda image: send(ingest, image[1]), images))
    for (name, _), answer in zip(images, answers, strict=True):
        assert answer.status_code == 200, (name, answer.text)
        said = answer.json()
        assert said["style"] in catalog.STYLES, name
        assert said["tempo"] in catalog.TEMPO_WORDS, name
        assert 10 <= len(said["prompt"].split()) <= 60, name
        assert 0 <= said["energy"] <= 1, name
    traps = hostile()
    assert len(traps) > 30
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda trap: send(ingest, trap[0]), traps.values()))
    for (name, (_, (status, code))), answer in zip(traps.items(), answers, strict=True):
        assert (answer.status_code, answer.json()["code"]) == (status, code), (name, answer.text)
        refused(answer, status, code)
    assert memory(ingest) - before < 200 * MB
    assert "Traceback" not in ingest.said()


def test_the_largest_image_fits(ingest: Serving) -> None:
    seen(ingest, fresh(2))
    before = memory(ingest)
    row = b"\0" + bytes((200, 120, 40, 255)) * 6300
    drawn = zlib.compress(row * 6300, 1)
    seen(ingest, png(6300, 6300, png_chunk(b"IDAT", drawn), png_chunk(b"IEND", b""), kind=6))
    assert memory(ingest) - before < 350 * MB


def test_a_large_webp_takes_no_more_than_others(ingest: Serving) -> None:
    seen(ingest, fresh(33))
    before = memory(ingest)
    plain = Image.new("RGB", (4000, 4000), "orange")
    seen(ingest, encoded(plain, "WEBP", lossless=True, method=0))
    larger = encoded(plain.resize((8000, 5000)), "WEBP", lossless=True, method=0)
    assert len(larger) < 1000
    refused(send(ingest, larger), 400, "image_too_many_pixels")
    assert memory(ingest) - before < 350 * MB


def test_what_gemini_gets_is_small_and_bare(ingest: Serving, gemini: Gemini) -> None:
    image = sunset().resize((3000, 2000))
    exif = Image.Exif()
    exif[0x010E] = "the garden of someone"
    data = encoded(image, exif=exif, quality=95)
    assert b"garden" in data
    seen(ingest, data)
    shown = gemini.looks()[-1]
    assert shown["mime_type"] == "image/jpeg"
    assert shown["bytes"] < len(data) / 2


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_photograph_is_turned_back(turn: int) -> None:
    from services.ingest.prompts.pictures import Guard

    image = Image.new("RGB", (400, 200), "white")
    image.paste((200, 0, 0), (0, 0, 200, 100))
    image.paste((0, 0, 200), (200, 100, 400, 200))
    exif = Image.Exif()
    exif[0x0112] = turn
    with Image.open(BytesIO(Guard().plain(encoded(image, exif=exif, quality=95)))) as plain:
        assert plain.size == ((400, 200) if turn < 5 else (200, 400))
        width, height = plain.size
        corners = {1: 0, 2: 1, 3: 3, 4: 2, 5: 0, 6: 1, 7: 3, 8: 2}
        at = [(5, 5), (width - 5, 5), (5, height - 5), (width - 5, height - 5)][corners[turn]]
        pixel = plain.getpixel(at)
        assert isinstance(pixel, tuple)
        assert pixel[0] > 150
        assert pixel[2] < 60
        assert not plain.getexif()


def test_the_same_image_is_looked_at_once(ingest: Serving, gemini: Gemini) -> None:
    data, before = fresh(3), len(gemini.looks())
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: send(ingest, data), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(gemini.looks()) == before + 1
    replayed = [answer.headers.get("Idempotent-Replayed") for answer in answers]
    assert replayed.count(None) == 1
    found = requests.get(answers[0].json()["links"]["self"], timeout=60)
    assert found.json() == answers[0].json()


def test_another_tenants_image_is_not_there(public_api: Api, gemini: Gemini) -> None:
    keyed = Keyed(public_api, gemini_endpoint=gemini.url)
    red, blue = (keyed.client(keyed.key(tenant)) for tenant in ("red", "blue"))
    form = {"image": (BytesIO(fresh(4)), "a.jpg")}
    mine = red.post("/v1/prompts", data=form).get_json()
    theirs = blue.post("/v1/prompts", data={"image": (BytesIO(fresh(4)), "a.jpg")}).get_json()
    assert mine["image_id"] != theirs["image_id"]
    path = f"/v1/prompts/{mine['image_id']}"
    assert [blue.get(path).status_code, blue.delete(path).status_code] == [404, 404]
    stolen = blue.post("/v1/tracks", json={"image_id": mine["image_id"]})
    unknown = blue.post("/v1/tracks", json={"image_id": "00000000-0000-4000-8000-000000000000"})
    assert stolen.status_code == unknown.status_code == 404
    bodies = [{**answer.get_json(), "request_id": ""} for answer in (stolen, unknown)]
    assert bodies[0] == bodies[1]
    assert (bodies[0]["code"], bodies[0]["field"]) == ("no_such_image", "image_id")
    assert red.post("/v1/tracks", json={"image_id": mine["image_id"]}).status_code == 202


def test_a_track_takes_what_it_does_not_say_from_the_image(ingest: Serving) -> None:
    image = seen(ingest, fresh(5))
    whole = submit(ingest, image_id=image["image_id"])
    assert whole.status_code == 202, whole.text
    taken = whole.json()["parameters"]
    assert {name: taken[name] for name in ("prompt", "style", "tempo")} == {
        name: image[name] for name in ("prompt", "style", "tempo")
    }
    own: dict[str, Any] = {"style": "rock", "tempo": 140, "prompt": "a brass band in the rain"}
    for name, value in own.items():
        told = submit(ingest, image_id=image["image_id"], **{name: value}).json()["parameters"]
        assert told[name] == value
        for other in own.keys() - {name}:
            assert told[other] == image[other]
    state = ingest.get(f"/v1/tracks/{whole.json()['request_id']}").json()
    assert state["image_id"] == image["image_id"]


def test_a_repeat_gets_its_answer_when_the_image_is_forgotten(ingest: Serving) -> None:
    image = seen(ingest, fresh(6))["image_id"]
    first = submit(ingest, "image-once", image_id=image)
    other = seen(ingest, fresh(7))["image_id"]
    assert submit(ingest, "image-once", image_id=other).status_code == 422
    deleted = requests.delete(f"{ingest.url}/v1/prompts/{image}", timeout=60)
    assert (deleted.status_code, deleted.content) == (204, b"")
    again = submit(ingest, "image-once", image_id=image)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    refused(submit(ingest, image_id=image), 404, "no_such_image", "image_id")


def test_after_a_day_it_is_forgotten_and_can_be_sent_again(
    ingest: Serving, gemini: Gemini, public_api: Api
) -> None:
    data = fresh(8)
    image = seen(ingest, data)["image_id"]
    row = public_api.store.get(IMAGES, image)
    assert row.value
    assert row.version
    assert row.value.expire_at - row.value.created_at == KEPT
    old = type(row.value)(
        **{name: getattr(row.value, name) for name in row.value.__slots__}
        | {"expire_at": row.value.created_at}
    )
    public_api.store.commit(Update(IMAGES, image, old, row.version))
    refused(ingest.get(f"/v1/prompts/{image}"), 404, "no_such_image", "image_id")
    refused(submit(ingest, image_id=image), 404, "no_such_image", "image_id")
    before = len(gemini.looks())
    assert seen(ingest, data)["image_id"] == image
    assert len(gemini.looks()) == before + 1
    assert submit(ingest, image_id=image).status_code == 202


def test_erasing_a_track_forgets_its_image(ingest: Serving, public_api: Api) -> None:
    image = seen(ingest, fresh(9))["image_id"]
    track = submit(ingest, image_id=image).json()["request_id"]
    requests.post(f"{ingest.url}/v1/tracks/{track}/cancel", timeout=60)
    assert requests.delete(f"{ingest.url}/v1/tracks/{track}", timeout=60).status_code == 204
    assert public_api.store.get(IMAGES, image).value is None
    left = public_api.document(track).value
    assert left
    assert left.request.image_id == ""


@pytest.mark.parametrize("told", ["cut", "prose", "other_style", "few_words", "artist", "nothing"])
def test_an_answer_that_cannot_be_used_is_asked_for_once_more(
    ingest: Serving, gemini: Gemini, told: str
) -> None:
    gemini.fault(look=told)
    seen(ingest, encoded(sunset(), comment=f"{told} once".encode()))
    assert gemini.fired() == 1
    gemini.fault(2, look=told)
    data = encoded(sunset(), comment=f"{told} twice".encode())
    refused(send(ingest, data), 502, "image_not_understood")
    assert gemini.fired() == 2
    seen(ingest, data)  # a failure is not remembered


@pytest.mark.parametrize("told", ["blocked", "stopped"])
def test_what_the_safety_filter_refuses(ingest: Serving, gemini: Gemini, told: str) -> None:
    gemini.fault(look=told)
    refused(send(ingest, encoded(sunset(), comment=told.encode())), 422, "image_blocked")
    assert gemini.fired() == 1


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("quota", {"error": "quota"}),
        ("unavailable", {"error": "unavailable"}),
        ("denied", {"error": "denied"}),
        ("reset", {"reset": True}),
        ("cut off", {"cut": 40}),
        ("html", {"status": 200, "body": "<html>busy</html>"}),
    ],
)
def test_a_model_that_is_away_is_asked_once_and_said_so(
    ingest: Serving, gemini: Gemini, name: str, action: dict[str, Any]
) -> None:
    gemini.fault(**action)
    answer = send(ingest, encoded(sunset(), comment=f"away {name}".encode()))
    refused(answer, 503, "image_model_unavailable", "")
    assert int(answer.headers["Retry-After"]) > 0
    assert gemini.fired() == 1


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [({"images_per_minute": 2}, 60), ({"images_per_day": 2}, 24 * 3600)],
    ids=["minute", "day"],
)
def test_new_images_are_limited_and_known_ones_are_not(
    public_api: Api, gemini: Gemini, settings: dict[str, int], seconds: int
) -> None:
    keyed = Keyed(public_api, gemini_endpoint=gemini.url, **settings)
    client = keyed.client(keyed.key(f"eager-{seconds}"))

    def sent(number: int) -> Any:
        form = {"image": (BytesIO(fresh(number)), "a.jpg")}
        return client.post("/v1/prompts", data=form)

    assert [sent(20).status_code, sent(21).status_code] == [200, 200]
    limited = sent(22)
    assert (limited.status_code, limited.get_json()["code"]) == (429, "too_many_images")
    assert seconds / 4 < int(limited.headers["Retry-After"]) <= seconds
    known = sent(20)
    assert known.status_code == 200

    # Forgotten and sent again, it is paid again: what was taken is not returned.
    assert client.delete(f"/v1/prompts/{known.get_json()['image_id']}").status_code == 204
    assert sent(20).status_code == 429


class Form:
    """A tenant of its own that sends images, with so many looks a day."""

    def __init__(self, api: Api, gemini: Gemini, name: str, looks: int) -> None:
        keyed = Keyed(api, gemini_endpoint=gemini.url, images_per_day=looks)
        self._key, self._keyed = keyed.key(name), keyed

    def send(self, data: bytes) -> tuple[int, str]:
        """Status, and the code of a refusal."""
        form = {"image": (BytesIO(data), "a.jpg")}
        answer = self._keyed.client(self._key).post("/v1/prompts", data=form)
        return answer.status_code, answer.get_json().get("code", "")


def test_who_has_no_look_left_is_refused_before_the_image_is_decoded(
    public_api: Api, gemini: Gemini
) -> None:
    mine = Form(public_api, gemini, "spent", 1)
    damaged = fresh(23)[:-2000]
    assert mine.send(damaged) == (400, "image_invalid")  # found out by decoding, and not counted
    assert mine.send(damaged) == (400, "image_invalid")
    assert mine.send(fresh(24)) == (200, "")
    assert mine.send(damaged) == (429, "too_many_images")


def test_many_who_send_one_image_take_one_look(public_api: Api, gemini: Gemini) -> None:
    mine, before = Form(public_api, gemini, "crowd", 4), len(gemini.looks())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(mine.send, [fresh(25)] * 4))
    assert answers == [(200, "")] * 4
    assert len(gemini.looks()) == before + 1
    assert [mine.send(fresh(number))[0] for number in (26, 27, 28, 29)] == [200, 200, 200, 429]


class Quick:
    """A model that has seen it all."""

    name = "quick"

    def look(self, jpeg: bytes) -> str:
        assert jpeg
        said = {"mood": "calm", "energy": 0.1, "palette": ["red"], "style": "jazz", "tempo": "slow"}
        return json.dumps(said | {"prompt": " ".join(["soft piano"] * 6)})


def test_who_sends_slowly_keeps_nobody_else_waiting(public_api: Api) -> None:
    rations = Rations(public_api.store, per_minute=60, per_day=60)
    prompts, sent = Prompts(public_api.store, Quick(), rations), threading.Event()

    def slowly() -> bytes:
        assert sent.wait(20)
        return fresh(31)

    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(prompts.describe, "slow", slowly) for _ in range(4)]
        assert prompts.describe("other", lambda: fresh(32))[1].tenant == "other"
        sent.set()
        assert len({one.result()[0] for one in slow}) == 1


def test_a_form_that_holds_no_single_image(ingest: Serving) -> None:
    url, data = f"{ingest.url}/v1/prompts", fresh(30)
    refused(send(ingest, data, "picture"), 400, "unknown_field", "picture")
    two = [("image", ("a.jpg", data)), ("image", ("b.jpg", data))]
    refused(requests.post(url, files=two, timeout=60), 400, "invalid_field")
    more = {"image": ("a.jpg", data)}
    other = requests.post(url, files=more, data={"style": "jazz"}, timeout=60)
    refused(other, 400, "unknown_field", "style")
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"--x--\r\n", b""):
        answer = requests.post(url, data=body, headers=kind, timeout=60)
        assert (answer.status_code, answer.json()["code"]) in {
            (400, "missing_field"),
            (400, "bad_request"),
        }
    for bad in (b"nonsense", b"--x\r\nContent-Disposition: form-data; name=image\r\n\r\nopen"):
        answer = requests.post(url, data=bad, headers=kind, timeout=60)
        assert answer.status_code == 400, answer.text
    refused(requests.post(url, json={}, timeout=60), 415, "unsupported_media_type", "Content-Type")
    refused(
        requests.post(url, data=data, headers={"Content-Type": "image/jpeg"}, timeout=60),
        *(415, "unsupported_media_type", "Content-Type"),
    )


def test_a_track_without_prompt_and_image_is_refused(ingest: Serving) -> None:
    refused(submit(ingest), 400, "missing_field", "prompt")
    refused(submit(ingest, image_id=None), 400, "missing_field", "prompt")
    refused(submit(ingest, prompt=None), 400, "invalid_field", "prompt")
    for wrong in ("x", 7, ""):
        refused(submit(ingest, image_id=wrong), 400, "invalid_field", "image_id")


def test_logs_say_what_was_called_and_nothing_of_the_image(ingest: Serving) -> None:
    seen(ingest, fresh(40))
    lines = [json.loads(line) for line in ingest.said().splitlines() if line.startswith("{")]
    told = [line for line in lines if line["message"] == "model called"]
    assert told[-1]["model"] == "gemini-3.5-flash-lite"
    assert told[-1]["outcome"] == "stored"
    assert "glowing" not in ingest.said()
