"""The pool of clients: bounded, lazy, last in first out, and orderly at the end."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from suture.errors import StoreRefused, StoreUnavailable
from suture.store.pool import ClientPool


class FakeClient:
    def __init__(self) -> None:
        self.closed = 0
        self.busy = False

    def close(self) -> None:
        assert not self.busy
        self.closed += 1


class Factory:
    def __init__(self) -> None:
        self.made: list[FakeClient] = []
        self.fails = False
        self.fails_once = False

    def __call__(self) -> Any:
        if self.fails or self.fails_once:
            self.fails_once = False
            raise StoreUnavailable("nobody there")
        self.made.append(FakeClient())
        return self.made[-1]


@pytest.fixture
def factory() -> Factory:
    return Factory()


@pytest.fixture
def make_pool(factory: Factory) -> Callable[..., ClientPool]:
    def make(**options: Any) -> ClientPool:
        chosen = {"size": 2, "wait_seconds": 30, "replace_failed": False} | options
        return ClientPool(factory, **chosen)

    return make


def test_clients_open_when_needed_and_are_used_again(make_pool: Any, factory: Factory) -> None:
    pool = make_pool()
    assert factory.made == []
    for _ in range(3):
        with pool.borrow():
            pass
    assert len(factory.made) == 1
    with pool.borrow() as one, pool.borrow() as other:
        assert one is not other
    assert len(factory.made) == 2


def test_an_adopted_client_counts(make_pool: Any, factory: Factory) -> None:
    pool = make_pool(size=1)
    client = FakeClient()
    pool.adopt(client)
    with pool.borrow() as borrowed:
        assert borrowed is client
    assert factory.made == []


def test_never_more_than_its_size_and_never_two_calls_on_one(
    make_pool: Any, factory: Factory
) -> None:
    pool = make_pool(size=3)

    def call(_: int) -> None:
        with pool.borrow() as client:
            assert not client.busy
            client.busy = True
            threading.Event().wait(0.001)
            client.busy = False

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(call, range(200)))
    assert len(factory.made) <= 3


def test_a_call_gives_up_waiting(make_pool: Any) -> None:
    pool = make_pool(size=1, wait_seconds=0.01)
    busy = pytest.raises(StoreUnavailable, match=r"all 1 connections .* busy")
    with pool.borrow(), busy, pool.borrow():
        pass


def test_a_client_that_cannot_be_opened_takes_no_place(make_pool: Any, factory: Factory) -> None:
    pool = make_pool(size=1)
    factory.fails = True
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="nobody there"), pool.borrow():
            pass
    factory.fails = False
    with pool.borrow():
        pass


@pytest.mark.parametrize("replace", [True, False])
def test_a_client_whose_call_failed(make_pool: Any, factory: Factory, replace: bool) -> None:
    pool = make_pool(size=1, replace_failed=replace)
    for _ in range(2):
        with pytest.raises(StoreRefused), pool.borrow():
            raise StoreRefused
    with pool.borrow() as client:
        assert not client.closed
    assert [made.closed for made in factory.made] == ([1, 1, 0] if replace else [0])


def test_a_failed_client_without_replacement_is_not_used_again(
    make_pool: Any, factory: Factory
) -> None:
    pool = make_pool(size=1, replace_failed=True)
    call = pool.borrow()
    call.__enter__()
    factory.fails = True
    assert not call.__exit__(StoreRefused, StoreRefused("first"), None)
    factory.fails = False
    with pool.borrow() as client:
        assert client is factory.made[1]
    assert factory.made[0].closed == 1


def test_closing_waits_for_calls_under_way(make_pool: Any, factory: Factory) -> None:
    pool = make_pool()
    begun, end = threading.Event(), threading.Event()

    def call() -> None:
        with pool.borrow() as client:
            client.busy = True
            begun.set()
            assert end.wait(30)
            client.busy = False

    caller = threading.Thread(target=call)
    caller.start()
    assert begun.wait(30)
    assert pool.close(within_seconds=0.01) is False
    with pytest.raises(StoreUnavailable, match="closed"), pool.borrow():
        pass
    end.set()
    assert pool.close() is True
    caller.join()
    assert [client.closed for client in factory.made] == [1]
    assert pool.close() is True


def test_closing_wakes_those_who_wait(make_pool: Any) -> None:
    pool = make_pool(size=1)
    caught: list[Exception] = []

    def wait() -> None:
        try:
            with pool.borrow():
                pass
        except StoreUnavailable as error:
            caught.append(error)

    with pool.borrow():
        waiter = threading.Thread(target=wait)
        waiter.start()
        pool.refuse()
        waiter.join(30)
    assert [str(error) for error in caught] == ["the store is closed"]


def test_calls_that_wait_are_served_in_turn(make_pool: Any) -> None:
    pool = make_pool(size=1)
    served: list[int] = []

    def call(number: int) -> None:
        with pool.borrow():
            served.append(number)

    with pool.borrow():
        callers = []
        for number in range(8):
            callers.append(threading.Thread(target=call, args=(number,)))
            callers[-1].start()
            while len(pool._waiting) <= number:
                pass
    for caller in callers:
        caller.join(30)
    assert served == list(range(8))


def test_a_loop_does_not_keep_others_out(make_pool: Any) -> None:
    pool = make_pool(size=1)
    stop = threading.Event()

    def greedy() -> None:
        while not stop.is_set():
            with pool.borrow():
                pass

    loops = [threading.Thread(target=greedy) for _ in range(2)]
    for loop in loops:
        loop.start()
    for _ in range(20):
        with pool.borrow():
            pass
    stop.set()
    for loop in loops:
        loop.join(30)


def test_the_place_of_a_lost_client_goes_to_whoever_waits(make_pool: Any, factory: Factory) -> None:
    pool = make_pool(size=1, replace_failed=True)
    call = pool.borrow()
    call.__enter__()
    got: list[Any] = []

    def wait() -> None:
        with pool.borrow() as client:
            got.append(client)

    waiter = threading.Thread(target=wait)
    waiter.start()
    while not pool._waiting:
        pass
    factory.fails_once = True
    assert not call.__exit__(StoreRefused, StoreRefused("first"), None)
    waiter.join(30)
    assert got == [factory.made[1]]
