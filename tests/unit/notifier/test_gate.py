import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.notifier import gate as gates
from services.notifier.gate import MOST_OPEN, MOST_OPEN_FAILING, Gate

HERE, THERE = "ep_here", "ep_there"


def entered(gate: Gate, count: int, *, at: str = HERE, first: int = 0) -> list[str]:
    """Those of *count* deliveries that found a place."""
    names = [f"msg_{at}_{number}" for number in range(first, first + count)]
    return [name for name in names if gate.enter(at, name)]


def test_so_many_may_be_open_at_one_endpoint() -> None:
    gate = Gate()
    assert len(entered(gate, 40)) == MOST_OPEN == 16
    assert len(entered(gate, 40, at=THERE)) == MOST_OPEN


def test_a_failing_endpoint_has_two_places() -> None:
    gate = Gate()
    gate.judge(HERE, well=False)
    assert len(entered(gate, 40)) == MOST_OPEN_FAILING == 2
    gate.judge(HERE, well=True)
    assert len(entered(gate, 40, first=40)) == MOST_OPEN - MOST_OPEN_FAILING


def test_a_delivery_has_one_place_and_gives_it_back_once() -> None:
    gate = Gate()
    assert gate.enter(HERE, "a")
    assert not gate.enter(HERE, "a")
    assert gate.leave(HERE, "a") is None  # the second call was no request for a place
    assert len(entered(gate, MOST_OPEN)) == MOST_OPEN
    assert gate.leave(HERE, "stranger") is None
    assert not gate.enter(HERE, "b")


def test_who_waits_gets_the_places_in_turn() -> None:
    gate = Gate()
    inside = entered(gate, MOST_OPEN)
    assert [gate.enter(HERE, name) for name in "abab"] == [False] * 4
    assert gate.leave(HERE, inside[0]) == "a"
    assert not gate.enter(HERE, "a")
    assert not gate.enter(HERE, "c")
    assert [gate.leave(HERE, name) for name in ("a", inside[1], inside[2])] == ["b", "c", None]


def test_who_does_not_wait_is_not_remembered() -> None:
    gate = Gate()
    inside = entered(gate, MOST_OPEN)
    assert not gate.enter(HERE, "live", wait=False)
    assert gate.leave(HERE, inside[0]) is None
    assert gate.enter(HERE, "live", wait=False)


def test_nobody_waits_for_a_failing_endpoint() -> None:
    gate = Gate()
    inside = entered(gate, MOST_OPEN)
    assert not gate.enter(HERE, "a")
    gate.judge(HERE, well=False)
    assert not gate.enter(HERE, "b")
    assert [gate.leave(HERE, name) for name in inside] == [None] * MOST_OPEN


def test_it_is_crowded_until_the_rest_has_left() -> None:
    gate = Gate()
    inside = entered(gate, MOST_OPEN)
    assert not gate.crowded(HERE)
    gate.judge(HERE, well=False)
    while len(inside) > MOST_OPEN_FAILING:
        assert gate.crowded(HERE)
        assert not gate.enter(HERE, "a")
        gate.leave(HERE, inside.pop())
    assert not gate.crowded(HERE)
    assert not gate.enter(HERE, "a")
    gate.leave(HERE, inside.pop())
    assert gate.enter(HERE, "a")


def test_a_recovered_endpoint_hands_on_no_more_places_than_it_has() -> None:
    gate = Gate()
    inside = entered(gate, MOST_OPEN)
    gate.judge(HERE, well=False)
    gate.judge(HERE, well=True)
    assert not gate.enter(HERE, "a")
    gate.judge(HERE, well=False)
    gate.judge(HERE, well=True)  # whoever waited was forgotten in between
    assert gate.leave(HERE, inside[0]) is None
    assert gate.enter(HERE, "a")


def test_the_line_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "_MOST_WAITING", 3)
    gate = Gate()
    inside = entered(gate, MOST_OPEN)
    assert entered(gate, 10, first=100) == []
    following = [gate.leave(HERE, name) for name in inside]
    assert [name for name in following if name] == [f"msg_{HERE}_{n}" for n in (100, 101, 102)]


def test_only_failing_endpoints_are_remembered_and_not_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "_MOST_REMEMBERED", 5)
    gate = Gate()
    for number in range(20):
        gate.enter(f"ep_{number}", "a")
        gate.judge(f"ep_{number}", well=number % 2 == 0)
        gate.leave(f"ep_{number}", "a")
    assert set(gate._endpoints) == {f"ep_{number}" for number in range(11, 20, 2)}
    gate.enter("ep_open", "a")
    for number in range(20, 40):
        gate.judge(f"ep_{number}", well=False)
    assert not gate.enter("ep_open", "a")


def test_a_healthy_endpoint_leaves_nothing_behind() -> None:
    gate = Gate()
    inside = entered(gate, 20)
    while inside:
        following = gate.leave(HERE, inside.pop())
        inside += [following] if following else []
    assert gate._endpoints == {}


def test_threads_keep_to_the_places() -> None:
    gate = Gate()
    lock, most, inside, done = threading.Lock(), 0, 0, 0

    def one(name: str) -> None:
        nonlocal most, inside, done
        following: str | None = name if gate.enter(HERE, name) else None
        while following is not None:
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
                done += 1
            following = gate.leave(HERE, following)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(one, [f"msg_{number}" for number in range(1_000)]))
    assert done == 1_000
    assert most <= MOST_OPEN
    assert gate._endpoints == {}
