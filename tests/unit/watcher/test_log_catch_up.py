"""However much is printed, and whatever of it is not kept, the lines behind it are reached, each once."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import modal
import pytest
from world import RUN, World

from remote.vocabulary.events import Event, encode
from tui_app.journal.records import LogLine
from tui_app.watcher.calls import MAX_LOG_LINES
from tui_app.watcher.container_logs import bring_logs, fetch
from tui_app.watcher.modal_calls import ModalCalls
from tui_app.watcher.outside_follower import OutsideFollower

CALL = "fc-AbC123"
NAME = "trainer-abc123"
BEGUN = 1000.0


class Capped(World):
    """A target that leaves off after so many lines, were it in the middle of a moment."""

    fetches = 0

    def logs(self, call_id: str, since: float | None) -> Sequence[LogLine]:
        self.fetches += 1
        return list(super().logs(call_id, since))[:MAX_LOG_LINES]


@pytest.fixture
def world(tmp_path: Path) -> Capped:
    return Capped(tmp_path)


def event_line(seq: int) -> str:
    about: dict[str, Any] = {"step": seq, "metrics": {"loss": 0.1}}
    event = Event(
        run=RUN, attempt=1, source="trainer", seq=seq, t=1.0, mono=1.0, type="step.completed", data=about
    )
    return encode(event).decode()


def lines(first: int, count: int, begin: float, rate: float) -> list[LogLine]:
    return [
        LogLine(begin + each / rate, "stdout", f"line {first + each}", task_id="ta-1")
        for each in range(count)
    ]


def bring(world: World, looks: int = 1) -> None:
    for _ in range(looks):
        bring_logs(RUN, CALL, BEGUN - 1.0, world.journal, world)


def outside(world: Capped) -> OutsideFollower:
    world.journal.say(NAME)
    return OutsideFollower(NAME, world.journal, world, clock=world.clock, mono=world.clock)


def texts(world: World, run: str = RUN) -> list[str]:
    return [row.line.text for row in world.reader.logs(run, limit=1_000_000)]


def test_a_traceback_behind_more_events_than_a_fetch_brings_is_seen(world: Capped) -> None:
    world.printed = [LogLine(BEGUN, "stdout", "booting")]
    for seq in range(1, 2 * MAX_LOG_LINES + 2):
        world.printed.append(LogLine(BEGUN + seq / 2, "stdout", event_line(seq)))
        if seq % 2000 == 0:
            bring(world)
    world.printed.append(LogLine(world.printed[-1].t + 0.1, "stderr", "Traceback (most recent call last):"))
    bring(world, 2)
    assert texts(world) == ["booting", "Traceback (most recent call last):"]


def test_so_it_is_where_all_of_it_was_there_before_the_first_look(world: Capped) -> None:
    world.printed = [LogLine(BEGUN + seq / 2, "stdout", event_line(seq)) for seq in range(1, 15_000)]
    world.printed.append(LogLine(world.printed[-1].t + 0.1, "stderr", "Traceback"))
    bring(world, 5)
    assert texts(world) == ["Traceback"]


def test_more_lines_within_the_overlap_than_a_fetch_brings_are_all_seen_once(world: Capped) -> None:
    count = 3 * MAX_LOG_LINES
    world.printed = [*lines(0, count, BEGUN, 8000.0), *lines(count, 20, BEGUN + 60.0, 1.0)]
    bring(world, 10)
    assert texts(world) == [f"line {each}" for each in range(count + 20)]


def test_a_moment_with_more_lines_than_a_fetch_brings_stops_nothing(world: Capped) -> None:
    world.printed = [
        *(LogLine(BEGUN, "stdout", f"at once {each}") for each in range(MAX_LOG_LINES + 10)),
        LogLine(BEGUN + 1.0, "stdout", "later"),
    ]
    bring(world, 3)
    assert texts(world)[-1] == "later"
    assert len(set(texts(world))) == len(texts(world))


def test_a_quiet_run_is_asked_once_a_look(world: Capped) -> None:
    world.printed = lines(0, 10, BEGUN, 10.0)
    bring(world, 3)
    assert world.fetches == 3


def test_a_line_that_the_platform_delivers_behind_newer_events_is_seen(world: Capped) -> None:
    world.printed = [LogLine(BEGUN + seq, "stdout", event_line(seq)) for seq in range(1, 30)]
    bring(world)
    world.printed.insert(23, LogLine(BEGUN + 23.5, "system", "worker preemption"))
    bring(world, 2)
    assert texts(world) == ["worker preemption"]


def test_a_journal_that_stood_still_under_an_older_build_goes_on(world: Capped) -> None:
    world.journal.add_logs(RUN, [LogLine(BEGUN, "stdout", "booting")])
    world.printed = [LogLine(BEGUN, "stdout", "booting")]
    world.printed += [LogLine(BEGUN + seq / 2, "stdout", event_line(seq)) for seq in range(1, 12_000)]
    world.printed.append(LogLine(world.printed[-1].t + 0.1, "stderr", "Traceback"))
    bring(world, 4)
    assert texts(world) == ["booting", "Traceback"]


def test_a_fetch_that_goes_on_repeats_no_line_of_the_moment_where_it_left_off(world: Capped) -> None:
    world.printed = [LogLine(BEGUN + each // 3, "stdout", f"line {each}") for each in range(12_000)]
    assert fetch(world, CALL, BEGUN, world.printed[-1].t) == world.printed


@pytest.mark.parametrize("rate", [2000.0, 100_000.0])
def test_a_call_that_is_not_ours_is_read_on_too(world: Capped, rate: float) -> None:
    follower = outside(world)
    count = 3 * MAX_LOG_LINES
    world.printed = [*lines(0, count, BEGUN, rate), *lines(count, 5, BEGUN + 60.0, 1.0)]
    for _ in range(8):
        world.now += 10.0
        follower.look()
    assert texts(world, NAME) == [f"line {each}" for each in range(count + 5)]


def test_the_note_of_what_was_read_never_goes_back(world: Capped) -> None:
    follower = outside(world)
    world.printed = lines(0, 5, BEGUN + 10.0, 1.0)
    follower.look()
    noted = world.journal.note(f"printed/{NAME}")
    world.printed.insert(0, LogLine(BEGUN + 9.5, "stdout", "late", task_id="ta-1"))
    world.now += 10.0
    follower.look()
    assert "late" in texts(world, NAME)
    assert world.journal.note(f"printed/{NAME}") == noted


def modal_printing(monkeypatch: pytest.MonkeyPatch, moments: Sequence[float]) -> ModalCalls:
    """The client, with what it is told in place of a server."""

    def entries(since: datetime | None) -> Iterator[Any]:
        for number, t in enumerate(moments):
            at = datetime.fromtimestamp(t, UTC)
            if since is None or at >= since:
                yield SimpleNamespace(
                    timestamp=at, context_ids=["ta-1"], source="stdout", message=f"line {number}\n"
                )

    call = SimpleNamespace(logs=SimpleNamespace(fetch=lambda since=None: entries(since)))
    monkeypatch.setattr(modal, "FunctionCall", SimpleNamespace(from_id=lambda call_id: call))
    return ModalCalls()


@pytest.mark.parametrize(
    "moments",
    [
        [BEGUN] * 7000 + [BEGUN + 1.0] * 7000 + [BEGUN + 2.0] * 7000,
        [BEGUN + each / 7 for each in range(20_000)],
        [BEGUN + each // 3 for each in range(20_000)],
    ],
)
def test_a_fetch_leaves_off_between_two_moments_and_gets_further(
    monkeypatch: pytest.MonkeyPatch, moments: list[float]
) -> None:
    calls = modal_printing(monkeypatch, moments)
    first = calls.logs(CALL, None)
    assert MAX_LOG_LINES <= len(first) < len(moments)
    assert first[-1].t > first[0].t
    assert moments[len(first)] > first[-1].t
    found = fetch(calls, CALL, BEGUN, moments[-1])
    assert [line.text for line in found] == [f"line {number}" for number in range(len(moments))]
