import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.ingest.limits.singly import Singly


def test_one_after_the_other_for_one_name_and_side_by_side_for_others() -> None:
    singly, inside, most = Singly(), {"a": 0, "b": 0}, {"a": 0, "b": 0}
    both = threading.Barrier(2)

    def one(number: int) -> None:
        name = "ab"[number % 2]
        with singly.turn(name):
            inside[name] += 1
            most[name] = max(most[name], inside[name])
            if number < 2:
                both.wait(5)  # breaks unless a and b are inside at the same time
            time.sleep(0.001)
            inside[name] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    assert most == {"a": 1, "b": 1}
    assert singly._turns == {}


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.limits.singly._PATIENCE", 0.01)
    singly = Singly()
    with singly.turn("a"), singly.turn("a"):
        pass
    assert singly._turns == {}


def test_a_failure_leaves_no_turn_behind() -> None:
    singly = Singly()
    with pytest.raises(ValueError, match="x"), singly.turn("a"):
        raise ValueError("x")
    assert singly._turns == {}
