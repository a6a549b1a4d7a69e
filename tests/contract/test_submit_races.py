"""Many submits at once under one key: one track, one answer."""

import os
import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from werkzeug.test import TestResponse

from tests.support.api import GOOD, Api, failed, refused

FULL = int(os.environ.get("RACES", "0")) >= 50
KEYS, THREADS = (50, 40) if FULL else (10, 20)


def submit(api: Api, key: str, **changes: Any) -> TestResponse:
    headers = {"Idempotency-Key": key}
    return api.app.test_client().post("/v1/tracks", json=GOOD | changes, headers=headers)


def at_once(api: Api, calls: list[tuple[str, dict[str, Any]]]) -> list[TestResponse]:
    """The answers to submits that start together; each has a thread of its own."""
    start = threading.Barrier(len(calls))

    def one(call: tuple[str, dict[str, Any]]) -> TestResponse:
        start.wait()
        return submit(api, call[0], **call[1])

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def test_a_key_stands_for_one_track_however_many_send_it(public_api: Api) -> None:
    """Each round has as many threads as the whole race would have for one key, and all keys."""
    keys = [secrets.token_hex(8) for _ in range(KEYS)]
    before = public_api.documents()
    found: dict[str, list[TestResponse]] = {key: [] for key in keys}
    lock = threading.Lock()
    start = threading.Barrier(THREADS)

    def thread(number: int) -> None:
        start.wait()
        # All keys are asked for at once, and each by many threads at once.
        for key in keys[number % KEYS :] + keys[: number % KEYS]:
            answer = submit(public_api, key)
            with lock:
                found[key].append(answer)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(thread, range(THREADS)))
    ids = set()
    for answers in found.values():
        assert len(answers) == THREADS
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.data for answer in answers}) == 1
        firsts = [a for a in answers if "Idempotent-Replayed" not in a.headers]
        assert len(firsts) <= 1, "a first answer whose commit got no verdict is a replay"
        ids.add(answers[0].get_json()["request_id"])
    assert len(ids) == KEYS
    assert public_api.documents() == before + KEYS


def test_one_key_and_all_threads(public_api: Api) -> None:
    for _ in range(3):
        key = secrets.token_hex(8)
        answers = at_once(public_api, [(key, {})] * THREADS)
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.data for answer in answers}) == 1


def test_of_two_bodies_under_one_key_one_wins(public_api: Api) -> None:
    """The others are told, whichever came first."""
    for _ in range(3):
        key = secrets.token_hex(8)
        answers = at_once(public_api, [(key, {"seed": n % 2}) for n in range(THREADS)])
        assert Counter(answer.status_code for answer in answers) == {
            202: THREADS // 2,
            422: THREADS // 2,
        }
        won = {answer.get_json()["request_id"] for answer in answers if answer.status_code == 202}
        assert len(won) == 1


def test_another_body_is_refused_for_as_long_as_the_track_is_kept(public_api: Api) -> None:
    key = secrets.token_hex(8)
    first = submit(public_api, key)
    request_id = first.get_json()["request_id"]

    def refusals() -> None:
        for changes in ({"seed": 7}, {"prompt": f"{GOOD['prompt']} "}, {"duration_seconds": 20.5}):
            told = refused(submit(public_api, key, **changes), 422, "idempotency_key_reused")
            assert told["field"] == "Idempotency-Key"
        assert submit(public_api, key).data == first.data

    refusals()
    public_api.end(request_id, failed())
    refusals()
    assert public_api.client.post(f"/v1/tracks/{request_id}/retry").status_code == 202
    refusals()
