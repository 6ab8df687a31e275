import threading

import pytest

from dashboards.recent import Recent


class Reader:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


def test_an_answer_is_kept_for_its_time() -> None:
    now, read = [0.0], Reader()
    recent = Recent(lambda: now[0])
    assert [recent.get("a", 5, read), recent.get("a", 5, read)] == [1, 1]
    now[0] = 5.0
    assert recent.get("a", 5, read) == 2
    assert recent.get("b", 5, read) == 3


def test_an_error_is_not_kept() -> None:
    recent = Recent()

    def fail() -> int:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        recent.get("a", 5, fail)
    assert recent.get("a", 5, lambda: 7) == 7


def test_many_ask_and_one_reads() -> None:
    recent, read, seen = Recent(), Reader(), []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        seen.append(recent.get("a", 60, read))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (read.calls, seen) == (1, [1] * 8)


def test_memory_is_bounded() -> None:
    recent = Recent()
    for number in range(2000):
        recent.get(number, 60, lambda: 0)
    assert len(recent._kept) <= 256
