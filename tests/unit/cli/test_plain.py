"""Following a run as plain lines, from the journal that the watcher writes meanwhile."""

import io
import threading
from collections.abc import Iterator

import pytest
from conftest import record
from story import RUN, Story, demo_story, live_story

from remote.vocabulary.events import Event
from tui_app.exit_codes import ExitCode
from tui_app.locations import Locations
from tui_app.plain import FollowError, follow


class Clock:
    """Time that passes only by sleeping; ``then`` happens at the sleeps, one after the other."""

    def __init__(self, then: Iterator[None]) -> None:
        self.t = 0.0
        self._then = then

    def sleep(self, seconds: float) -> None:
        self.t += seconds
        next(self._then)

    def __call__(self) -> float:
        return self.t


def followed(locations: Locations, then: Iterator[None], **options: object) -> tuple[ExitCode, list[str]]:
    out, clock = io.StringIO(), Clock(then)
    code = follow(locations, RUN, out, wall=clock, mono=clock, sleep=clock.sleep, **options)  # type: ignore[arg-type]
    return code, out.getvalue().splitlines()


def piecemeal(locations: Locations, events: list[Event], size: int) -> Iterator[None]:
    now = events[-1].t
    for cut in range(0, len(events), size):
        record(
            locations,
            events[cut : cut + size],
            now=now if cut + size >= len(events) else events[cut + size - 1].t,
        )
        yield
    while True:
        yield


def test_every_event_is_said_once_however_it_arrives(locations: Locations) -> None:
    events = demo_story().events
    code, lines = followed(locations, piecemeal(locations, events, 50))
    record(locations, events)
    again_code, again = followed(locations, iter(()))
    assert code == again_code == ExitCode.OK
    assert lines == again
    assert next(line for line in lines if line.startswith("step  34/")).startswith(
        "step  34/250  reward 0.136"
    )
    assert lines[-2] == "1 retry · 1 preemption · steps redone 11 · commits 25 · committed lost 0"


def test_a_failed_run_is_told_by_the_exit_code(locations: Locations) -> None:
    story = live_story()
    story.end(1, "FAILED", 14, reason="user_error", detail="no such model")
    record(locations, story.events)
    code, lines = followed(locations, iter(()))
    assert code == ExitCode.RUN_FAILED
    assert "!! r7 FAILED (user error) at step 14: no such model" in lines


def test_silence_is_filled_every_ten_seconds(locations: Locations) -> None:
    story = Story(t=0.0)
    story.spawn()

    def nothing_for_a_while() -> Iterator[None]:
        record(locations, story.events, now=0.0)
        for _ in range(160):
            yield
        story.claim(1)
        story.end(1, "STOPPED", 0)
        record(locations, story.events[1:], now=33.0)
        while True:
            yield

    tended: list[str] = []

    def tend() -> str:
        tended.append("x")
        return f"looked after {len(tended)}"

    code, lines = followed(locations, nothing_for_a_while(), tend=tend)
    beats = [line for line in lines if line.startswith("-- still")]
    assert len(beats) == 3
    assert beats[0].startswith("-- still STARTING, 10 s: container booting")
    assert "-- looked after 3" in lines
    assert code == ExitCode.OK


def test_following_ends_when_the_target_is_gone(locations: Locations) -> None:
    def gone() -> str:
        raise FollowError("the local cloud is not running")

    with pytest.raises(FollowError):
        followed(locations, iter([None] * 100), tend=gone)


def test_a_resumed_run_is_followed_past_its_first_end(locations: Locations) -> None:
    story = live_story()
    story.end(1, "STOPPED", 14)
    story.spawn(2, "fc-2", verb="resume")
    story.claim(2, 10, "fc-2")
    story.end(2, "SUCCEEDED", 14)
    record(locations, story.events)
    code, lines = followed(locations, iter(()))
    assert code == ExitCode.OK
    assert "ok r7 STOPPED at step 14" in lines
    assert "ok r7 SUCCEEDED at step 14" in lines


def test_a_run_that_is_written_while_it_is_followed_is_seen_whole(locations: Locations) -> None:
    """With real time and a real writer beside it."""
    events = live_story().events
    story = live_story()
    story.end(1, "SUCCEEDED", 14)
    out = io.StringIO()
    writer = threading.Thread(
        target=record, args=(locations, story.events[: len(events) // 2]), kwargs={"now": 500.0}
    )
    writer.start()
    later = threading.Timer(0.5, record, (locations, story.events))
    later.start()
    assert follow(locations, RUN, out) == ExitCode.OK
    writer.join()
    later.join()
    assert sum(line.startswith("step ") for line in out.getvalue().splitlines()) == 14
