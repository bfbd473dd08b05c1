"""One run is followed: everything once, in an order that makes sense, however often it begins anew."""

from pathlib import Path

import pytest
from world import RUN, World

from remote.records import keys
from remote.records.event_log import EventReader
from remote.vocabulary.events import Event, encode
from remote.vocabulary.run_states import EndCause, RunState
from tui_app.journal.records import LogLine
from tui_app.watcher.calls import LinkError
from tui_app.watcher.container_logs import unseen
from tui_app.watcher.follower import ABANDONED_SECONDS, UNCALLED_SECONDS
from tui_app.watcher.inference import CallState


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def spawned(world: World) -> World:
    world.reserve()
    return world


def seqs(world: World, attempt: int = 1) -> list[int]:
    rows = world.reader.events(RUN, limit=10_000)
    return [r.event.seq for r in rows if (r.event.attempt, r.event.source) == (attempt, "trainer")]


def test_a_run_is_told_from_its_spawn_to_its_end(spawned: World) -> None:
    attempt = spawned.attempt()
    attempt.steps(1, 2)
    attempt.say("attempt.ended", cause="completed", step=2, committed_step=2, evidence="")
    attempt.say("run.ended", state="SUCCEEDED", detail="", step=2, committed_step=2)
    spawned.look()
    assert spawned.told() == [
        "0 run.spawned",
        "1 attempt.claimed",
        "1 step.completed",
        "1 step.completed",
        "1 attempt.ended",
        "1 run.ended",
    ]
    assert spawned.journal.view(RUN).state is RunState.SUCCEEDED
    assert spawned.journal.view(RUN).gaps == ()


def test_every_event_arrives_once_however_often_the_watcher_begins_anew(spawned: World) -> None:
    attempt = spawned.attempt()
    for step in range(1, 30):
        attempt.steps(step, step)
        spawned.look()
        if step % 3 == 0:
            spawned.restart()
    assert seqs(spawned) == list(range(1, 31))
    assert spawned.told().count("0 run.spawned") == 1


def test_a_watcher_that_comes_late_sees_the_whole_history_in_its_order(world: World) -> None:
    for generation in (1, 2):
        world.reserve(generation)
        attempt = world.attempt(generation)
        attempt.steps(1, 3)
        world.now += 10.0
        attempt.say("run.ended", state="STOPPED", detail="", step=3, committed_step=0)
        world.now += 10.0
    world.reserve(3)
    world.look()
    generations = [row.event.data["generation"] for row in world.reader.events(RUN, types=["run.spawned"])]
    order = [told for told in world.told() if "step" not in told]
    assert generations == [1, 2, 3]
    assert order == [
        "0 run.spawned",
        "1 attempt.claimed",
        "1 run.ended",
        "0 run.spawned",
        "2 attempt.claimed",
        "2 run.ended",
        "0 run.spawned",
    ]
    view = world.journal.view(RUN)
    assert (view.state, view.call_id) == (RunState.STARTING, "fc-3")
    assert [attempt.generation for attempt in view.attempts] == [1, 2]


def test_a_position_that_is_kept_apart_from_its_events_would_lose_them(spawned: World) -> None:
    """The naive watcher, for comparison: it notes the position first and dies before the events."""
    attempt = spawned.attempt()
    spawned.look()
    attempt.steps(1, 2)
    naive = EventReader(spawned.records, spawned.journal.positions(RUN))
    assert naive.read()
    spawned.journal.record(RUN, positions=naive.positions)
    spawned.restart()
    attempt.steps(3, 4)
    spawned.look()
    assert seqs(spawned) == [1, 4, 5]
    assert spawned.journal.view(RUN).gaps != ()


def test_many_batches_are_taken_over_many_transactions(spawned: World) -> None:
    attempt = spawned.attempt()
    for step in range(1, 251):
        attempt.say("step.completed", step=step, of=300, metrics={})
    spawned.look()
    assert seqs(spawned) == list(range(1, 252))


def test_what_is_no_event_of_this_run_is_counted_and_left_out(spawned: World) -> None:
    spawned.attempt()
    foreign = Event(run="other", attempt=1, source="trainer", seq=1, t=1.0, mono=1.0, type="run.ended")
    watcher = Event(run=RUN, attempt=1, source="watcher:x", seq=1, t=1.0, mono=1.0, type="run.ended")
    later = Event(run=RUN, attempt=9, source="trainer", seq=1, t=1.0, mono=1.0, type="run.ended")
    good = Event(run=RUN, attempt=1, source="trainer", seq=2, t=1.0, mono=1.0, type="model.loaded")
    lines = [b"{", encode(foreign), encode(watcher), encode(later), encode(good)]
    spawned.records.put(keys.events(1, 2), b"\n".join(lines))
    spawned.look()
    assert spawned.told() == ["0 run.spawned", "1 attempt.claimed", "1 model.loaded"]
    assert spawned.reader.undecodable(RUN) == 4


def test_while_the_link_is_down_nothing_changes_and_then_it_goes_on(spawned: World) -> None:
    attempt = spawned.attempt()
    attempt.steps(1, 2)
    spawned.look()
    attempt.steps(3, 4)
    spawned.link_is_up = False
    for _ in range(3):
        with pytest.raises(LinkError):
            spawned.follower.look()
    spawned.link_is_up = True
    spawned.look()
    assert seqs(spawned) == [1, 2, 3, 4, 5]


def test_events_that_the_journal_could_not_take_are_read_again(
    spawned: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = spawned.attempt()
    spawned.look()
    attempt.steps(1, 2)

    def full(*args: object, **about: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(spawned.journal, "record", full)
        with pytest.raises(OSError, match="disk is full"):
            spawned.follower.look()
    spawned.look()
    assert seqs(spawned) == [1, 2, 3]


def test_an_attempt_that_vanished_is_ended_once_its_late_words_had_their_time(spawned: World) -> None:
    spawned.attempt().steps(1, 3)
    spawned.look()
    spawned.attempt()
    spawned.look()
    assert "1 attempt.ended" not in spawned.told()
    spawned.look(later=2.5)
    assert spawned.last("attempt.ended")["cause"] == EndCause.KILLED_UNKNOWN
    spawned.look(later=10.0)
    assert spawned.told().count("1 attempt.ended") == 1


def test_late_words_within_that_time_are_believed_instead(spawned: World) -> None:
    first = spawned.attempt()
    spawned.look()
    spawned.attempt()
    spawned.look()
    first.say("attempt.ended", cause="preempted_drained", step=0, committed_step=0, evidence="SIGINT")
    for _ in range(10):
        spawned.look(later=0.2)
    spawned.look(later=3.0)
    assert spawned.told().count("1 attempt.ended") == 1
    assert spawned.journal.view(RUN).attempts[0].cause is EndCause.PREEMPTED_DRAINED


def test_an_end_record_is_used_where_the_event_never_came(spawned: World) -> None:
    first = spawned.attempt()
    first.write_end(EndCause.PREEMPTED_KILLED, step=9)
    spawned.attempt()
    spawned.look()
    spawned.look(later=2.5)
    ended = spawned.last("attempt.ended")
    assert (ended["cause"], ended["step"], ended["inferred"]) == (EndCause.PREEMPTED_KILLED, 9, True)


def test_a_wait_before_a_retry_is_announced_with_its_end(spawned: World) -> None:
    attempt = spawned.attempt()
    attempt.say(
        "attempt.ended",
        cause="exception",
        step=4,
        committed_step=0,
        will_retry=True,
        retry=1,
        of=3,
        delay=5.0,
    )
    spawned.look()
    spawned.restart()
    spawned.look()
    assert spawned.told()[-2:] == ["1 attempt.ended", "1 retry.scheduled"]
    assert spawned.last("retry.scheduled")["due"] == 1005.0


def test_a_call_that_is_over_ends_a_run_that_says_nothing_more(spawned: World) -> None:
    attempt = spawned.attempt()
    attempt.steps(1, 3)
    spawned.look()
    spawned.states["fc-1"] = CallState.TERMINATED
    spawned.look(later=1.0)
    spawned.look(later=5.0)
    assert "0 run.ended" not in spawned.told()
    spawned.look(later=3.0)
    assert spawned.told()[-2:] == ["1 attempt.ended", "0 run.ended"]
    assert spawned.journal.view(RUN).state is RunState.STOPPED


def test_the_runs_own_last_word_is_waited_for(spawned: World) -> None:
    attempt = spawned.attempt()
    spawned.look()
    spawned.states["fc-1"] = CallState.SUCCESS
    spawned.look(later=6.0)
    attempt.say("run.ended", state="SUCCEEDED", detail="", step=3, committed_step=3)
    spawned.look(later=3.0)
    spawned.look(later=30.0)
    assert [told for told in spawned.told() if "run.ended" in told] == ["1 run.ended"]


def test_silence_alone_changes_no_state(spawned: World) -> None:
    spawned.attempt().steps(1, 3)
    spawned.look()
    before = spawned.told()
    for _ in range(50):
        spawned.look(later=600.0)
    assert spawned.told() == before
    assert spawned.last("alert.raised")["rule"] == "silent"
    assert spawned.journal.view(RUN).state is RunState.RUNNING


def beat(world: World, n: int) -> None:
    world.records.put(keys.HEARTBEAT, b'{"attempt":1,"boot_id":"b","n":%d,"t":0}' % n)


def test_a_changed_heartbeat_is_a_sign_of_life_by_its_arrival(spawned: World) -> None:
    attempt = spawned.attempt()
    attempt.events.close()
    beat(spawned, 1)
    spawned.look()
    spawned.look(later=10.0)
    first = spawned.reader.view(RUN)
    spawned.look(later=10.0)
    beat(spawned, 2)
    spawned.look(later=10.0)
    second = spawned.reader.view(RUN)
    assert first is not None
    assert second is not None
    assert (first.sign_at, second.sign_at) == (1000.0, 1030.0)
    assert second.view == first.view


def test_what_had_lain_there_for_hours_is_no_fresh_sign_of_life(spawned: World) -> None:
    attempt = spawned.attempt()
    attempt.events.close()
    beat(spawned, 7)
    spawned.look(later=7200.0)
    spawned.look(later=5.0)
    summary = spawned.reader.view(RUN)
    assert summary is not None
    assert summary.sign_at == 1000.0


def test_a_fresh_reservation_is_given_time_for_its_call(world: World) -> None:
    world.reserve(call=False)
    world.look()
    assert world.told() == []
    world.look(later=UNCALLED_SECONDS)
    assert world.told() == ["0 run.spawned"]
    assert world.journal.view(RUN).state is RunState.QUEUED
    world.look(later=ABANDONED_SECONDS)
    assert world.told() == ["0 run.spawned", "0 run.ended"]


def test_ended_runs_are_looked_at_rarely_and_live_ones_often(spawned: World) -> None:
    attempt = spawned.attempt()
    spawned.follower.look()
    attempt.steps(1, 1)
    live = spawned.follower.look()
    attempt.say("run.ended", state="STOPPED", detail="", step=1, committed_step=0)
    spawned.follower.look()
    spawned.now += 30.0
    ended = spawned.follower.look()
    spawned.now += 7200.0
    assert live <= 0.5 < 5.0 <= ended < 60.0 <= spawned.follower.look()


def test_printed_lines_are_kept_beside_the_events(spawned: World) -> None:
    spawned.attempt()
    event = encode(Event(run=RUN, attempt=1, source="trainer", seq=1, t=1.0, mono=1.0, type="run.ended"))
    spawned.printed = [LogLine(1001.0, "stdout", "hello"), LogLine(1002.0, "stdout", event.decode())]
    spawned.look(later=6.0)
    spawned.printed.append(LogLine(1003.0, "system", "worker preemption"))
    spawned.look(later=6.0)
    spawned.look(later=6.0)
    assert [row.line.text for row in spawned.reader.logs(RUN)] == ["hello", "worker preemption"]


def test_a_log_line_known_from_another_moment_is_marked() -> None:
    known = [LogLine(1.0, "stdout", "a"), LogLine(2.0, "stdout", "b")]
    printed = [*known, LogLine(2.5, "stdout", "b"), LogLine(2.6, "stderr", "b"), LogLine(2.7, "stdout", "")]
    assert unseen(printed, known) == [
        LogLine(2.5, "stdout", "b", possible_repeat=True),
        LogLine(2.6, "stderr", "b"),
    ]


def test_logs_that_cannot_be_had_cost_nothing_else(spawned: World, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = spawned.attempt()

    def fail(call_id: str, since: float) -> list[LogLine]:
        raise RuntimeError("no logs")

    monkeypatch.setattr(spawned, "logs", fail)
    attempt.steps(1, 2)
    spawned.look(later=6.0)
    assert seqs(spawned) == [1, 2, 3]
