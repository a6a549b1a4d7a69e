import threading
from concurrent.futures import ThreadPoolExecutor

from shared.recent import Recent


def test_each_name_has_its_thing_until_others_were_used_since() -> None:
    gone: list[str] = []
    recent = Recent(lambda name: name * 2, most=2, let_go=gone.append)
    assert [recent.get(name) for name in "abacab"] == ["aa", "bb", "aa", "cc", "aa", "bb"]
    assert gone == ["bb", "cc"]
    assert sorted(recent.clear()) == ["aa", "bb"]
    assert recent.clear() == []


def test_a_crowd_gets_the_same_thing() -> None:
    recent = Recent(lambda _: object(), most=2)
    gate = threading.Barrier(8)

    def one(_: int) -> object:
        gate.wait()
        return recent.get("a")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
