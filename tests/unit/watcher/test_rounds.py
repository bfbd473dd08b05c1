"""Jobs are done when they want to be, one at a time each, and a failing one harms no other."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tui_app.watcher.calls import LinkError
from tui_app.watcher.link import STALE_SECONDS, Link
from tui_app.watcher.rounds import Rounds


@pytest.fixture
def rounds() -> Iterator[Rounds]:
    stop = threading.Event()
    made = Rounds(stop)
    made.start(threads=3)
    yield made
    stop.set()
    assert made.join(10.0)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_a_job_is_done_again_after_the_time_that_it_asked_for(rounds: Rounds) -> None:
    done: list[str] = []
    rounds.add("often", lambda: done.append("often") or 0.001)  # type: ignore[func-returns-value]
    rounds.add("rarely", lambda: done.append("rarely") or 1000.0)  # type: ignore[func-returns-value]
    wait_for(lambda: done.count("often") > 5)
    assert done.count("rarely") == 1


def test_a_waking_call_does_not_wait_for_the_time(rounds: Rounds) -> None:
    done: list[str] = []
    rounds.add("rarely", lambda: done.append("rarely") or 1000.0)  # type: ignore[func-returns-value]
    wait_for(lambda: len(done) == 1)
    rounds.wake("rarely")
    rounds.wake("unknown")
    wait_for(lambda: len(done) == 2)


def test_a_job_that_is_woken_while_it_is_at_work_is_done_once_more_and_never_by_two(rounds: Rounds) -> None:
    at_work, most, done = [0], [0], [0]
    begun, go_on = threading.Event(), threading.Event()

    def job() -> float:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        begun.set()
        go_on.wait(10)
        at_work[0] -= 1
        done[0] += 1
        return 1000.0

    rounds.add("job", job)
    assert begun.wait(10)
    for _ in range(5):
        rounds.wake("job")
    go_on.set()
    wait_for(lambda: done[0] == 2)
    assert most == [1]


def test_a_failing_job_is_tried_again_and_the_others_go_on(rounds: Rounds) -> None:
    tries: list[int] = []
    done: list[int] = []

    def fail() -> float:
        tries.append(1)
        if len(tries) == 1:
            raise LinkError("down") if not done else ValueError("broken")
        return 1000.0

    rounds.add("bad", fail)
    rounds.add("good", lambda: done.append(1) or 0.001)  # type: ignore[func-returns-value]
    wait_for(lambda: len(tries) == 2)
    assert len(done) > 5


def test_a_job_is_added_once(rounds: Rounds) -> None:
    done: list[str] = []
    rounds.add("job", lambda: done.append("first") or 1000.0)  # type: ignore[func-returns-value]
    rounds.add("job", lambda: done.append("second") or 1000.0)  # type: ignore[func-returns-value]
    wait_for(lambda: bool(done))
    rounds.wake("job")
    wait_for(lambda: len(done) == 2)
    assert done == ["first", "first"]
    assert "job" in rounds


def test_the_link_is_what_its_last_probe_found_and_knows_since_when() -> None:
    now = [100.0]
    link = Link("it has only begun", clock=lambda: now[0], mono=lambda: now[0])
    assert link.state() == (False, 100.0, "it has only begun")

    def probe(error: str = "") -> None:
        with link.probing():
            if error:
                raise LinkError(error)

    now[0] = 101.0
    probe()
    now[0] = 102.0
    probe()
    assert link.state() == (True, 101.0, "")
    now[0] = 103.0
    with pytest.raises(LinkError):
        probe("the target does not answer")
    now[0] = 104.0
    with pytest.raises(LinkError):
        probe("the target does not answer")
    assert link.state() == (False, 103.0, "the target does not answer")


def test_a_link_whose_probe_hangs_is_not_called_good() -> None:
    now = [100.0]
    link = Link("", clock=lambda: now[0], mono=lambda: now[0])
    with link.probing():
        pass
    now[0] += STALE_SECONDS + 1
    assert link.state() == (False, now[0], "the target does not answer")
