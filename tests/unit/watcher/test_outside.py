"""A call that is not ours, followed from outside, over a world in memory."""

from pathlib import Path

import pytest
from world import RUN, World

from remote.vocabulary.commands import Verb
from remote.vocabulary.run_states import EndCause, RunState
from tui_app.journal.records import LogLine
from tui_app.state.levels import Level, reported
from tui_app.state.view import RunView
from tui_app.watcher.calls import CallInfo
from tui_app.watcher.inference import CallState
from tui_app.watcher.outside_follower import LATE_WORD_SECONDS, OutsideFollower

CALL = "fc-AbC123"
NAME = "trainer-abc123"
PREEMPTED = (
    "Runner interrupted due to worker preemption. Your Function will be restarted with the same input."
)


class Outside(World):
    """A world with one foreign call, which waits for a container."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.states[CALL] = CallState.PENDING

    def adopt(self, identity: str = CALL) -> tuple[str, str] | None:
        intent = self.ask(Verb.ADOPT, identity, id=identity)
        self.control.look()
        self.now += 5.0
        self.control.look()
        return self.outcome(intent)

    def follow(self) -> None:
        self.outside = OutsideFollower(NAME, self.journal, self, clock=self.clock, mono=self.clock)

    def pass_by(self, seconds: float = 3.0) -> RunView:
        self.now += seconds
        self.outside.look()
        self.now += LATE_WORD_SECONDS + 2.0
        self.outside.look()
        return self.journal.view(NAME)

    def say(self, text: str, task: str = "ta-1", *, fd: str = "stdout", t: float | None = None) -> None:
        self.printed.append(LogLine(self.now if t is None else t, fd, text, task_id=task))


@pytest.fixture
def world(tmp_path: Path) -> Outside:
    made = Outside(tmp_path)
    made.adopt()
    made.follow()
    return made


def test_a_call_is_adopted_once_under_a_name_of_its_own(tmp_path: Path) -> None:
    world = Outside(tmp_path)
    assert world.adopt() == ("done", f"{CALL} is followed as {NAME}")
    assert world.adopt() == ("done", f"{CALL} is {NAME}")
    view = world.journal.view(NAME)
    assert (view.level, view.call_id, view.state, view.phase) == (Level.L0, CALL, RunState.QUEUED, None)
    assert world.journal.runs() == [NAME]


def test_what_is_not_there_is_refused_and_does_not_come_to_be(tmp_path: Path) -> None:
    world = Outside(tmp_path)
    world.states["fc-gone"] = CallState.UNKNOWN
    assert world.adopt("fc-gone") == ("refused", "the target knows no call fc-gone")
    assert world.adopt("ap-2") == ("refused", "the target knows no app ap-2")
    assert world.adopt("r7")[0] == "refused"  # type: ignore[index]
    assert world.journal.runs() == []


def test_a_map_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = Outside(tmp_path)
    monkeypatch.setattr(world, "describe", lambda call: CallInfo(state=CallState.PENDING, inputs=12))
    assert world.adopt() == (
        "refused",
        f"call {CALL} is a map of 12 inputs, which is not followed as one run",
    )
    assert world.journal.runs() == []


def test_an_app_is_its_one_live_call_or_a_list(tmp_path: Path) -> None:
    world = Outside(tmp_path)
    world.states["fc-old"] = CallState.SUCCESS
    assert world.adopt("ap-1") == ("done", f"{CALL} is followed as {NAME}")
    world.states["fc-new"] = CallState.PENDING
    state, detail = world.adopt("ap-1") or ("", "")
    assert state == "refused"
    assert "2 live calls" in detail
    assert f"{CALL} (Trainer.*, queued)" in detail


def test_a_call_of_a_known_run_is_that_run(tmp_path: Path) -> None:
    world = Outside(tmp_path)
    call_id = world.reserve()
    world.look()
    assert world.adopt(call_id) == ("done", f"{call_id} is {RUN}")


def test_each_container_is_an_attempt_and_nothing_unsaid_is_a_number(world: Outside) -> None:
    world.tasks[CALL] = "ta-1"
    world.say("hello")
    view = world.pass_by()
    assert (view.state, [attempt.task_id for attempt in view.attempts]) == (RunState.RUNNING, ["ta-1"])
    assert set(reported(view).__struct_fields__) == {"step", "uncommitted", "retries_used", "preemptions"} | {
        "steps_redone",
        "commits",
        "commit_failures",
        "committed_lost",
    }
    assert all(getattr(reported(view), name) is None for name in reported(view).__struct_fields__)
    world.say(PREEMPTED, fd="system")
    world.tasks[CALL] = "ta-2"
    view = world.pass_by()
    assert [attempt.cause for attempt in view.attempts] == [EndCause.PREEMPTED_KILLED, None]
    assert "worker preemption" in view.attempts[0].evidence
    assert reported(view).preemptions == 1


def test_a_container_that_vanishes_without_a_word_is_no_preemption(world: Outside) -> None:
    world.tasks[CALL] = "ta-1"
    world.pass_by()
    world.tasks[CALL] = ""
    world.pass_by()
    view = world.pass_by()
    assert (view.state, view.attempts[0].cause) == (RunState.RECOVERING, EndCause.KILLED_UNKNOWN)
    assert reported(view).preemptions is None


def test_words_in_a_trainers_own_output_are_no_preemption(world: Outside) -> None:
    world.tasks[CALL] = "ta-1"
    world.say(PREEMPTED)
    assert world.pass_by().attempts[0].cause is None


@pytest.mark.parametrize(
    ("call", "state", "cause"),
    [
        (CallState.SUCCESS, RunState.SUCCEEDED, EndCause.COMPLETED),
        (CallState.FAILURE, RunState.FAILED, EndCause.EXCEPTION),
        (CallState.TERMINATED, RunState.STOPPED, EndCause.STOPPED),
        (CallState.TIMEOUT, RunState.FAILED, EndCause.TIMEOUT),
    ],
)
def test_the_end_is_what_the_platform_says(
    world: Outside, call: CallState, state: RunState, cause: EndCause
) -> None:
    world.tasks[CALL] = "ta-1"
    world.pass_by()
    world.states[CALL] = call
    view = world.pass_by()
    assert (view.state, view.attempts[0].cause, view.attempts[0].inferred) == (state, cause, True)


def test_printed_numbers_are_steps_once_however_often_they_are_fetched(world: Outside) -> None:
    for step in range(1, 6):
        world.say(f'{{"step": {step}, "loss": {1 / step}}}', t=world.now + step / 10)
    view = world.pass_by()
    world.say('{"step": 5, "loss": 0.5}', task="ta-2")
    view = world.pass_by()
    assert (view.level, view.step, len(view.attempts)) == (Level.L1, 5, 2)
    rows = world.reader.events(NAME, limit=100, types=["step.completed"])
    assert [(row.event.attempt, row.event.data["step"]) for row in rows] == [
        *((1, step) for step in range(1, 6)),
        (2, 5),
    ]


def test_lines_with_an_identity_are_told_apart_by_it_and_a_missing_one_is_a_gap(world: Outside) -> None:
    for seq in (1, 2, 2, 4):
        world.say(
            f'{{"step": {seq}, "loss": 1, "attempt": 1, "seq": {seq}}}', t=world.now + len(world.printed)
        )
    view = world.pass_by()
    assert [(gap.first, gap.last) for gap in view.gaps] == [(3, 3)]
    assert len(world.reader.events(NAME, limit=100, types=["step.completed"])) == 3


def test_a_follower_that_is_thrown_away_loses_and_repeats_nothing(world: Outside) -> None:
    world.say('{"step": 1, "loss": 1}')
    world.say("plain words")
    world.pass_by()
    world.open()
    world.follow()
    world.say('{"step": 2, "loss": 1}')
    world.pass_by()
    assert len(world.reader.events(NAME, limit=100, types=["step.completed"])) == 2
    assert len(world.reader.logs(NAME)) == 3


def test_stop_cancels_the_call_and_a_checkpoint_says_which_level_it_needs(world: Outside) -> None:
    world.tasks[CALL] = "ta-1"
    world.pass_by()
    refused = world.ask(Verb.CHECKPOINT, NAME)
    stop = world.ask(Verb.STOP, NAME)
    world.control.look()
    assert "checkpoint needs level 2" in world.outcome(refused)[1]  # type: ignore[index]
    assert world.cancelled == [(CALL, False)]
    world.states[CALL] = CallState.TERMINATED
    world.pass_by()
    world.control.look()
    assert world.outcome(stop) == ("done", f"{NAME} is STOPPED")


def test_a_call_that_begins_to_write_records_is_handed_over(world: Outside) -> None:
    world.tasks[CALL] = "ta-1"
    world.pass_by()
    world.reserve(call=False)
    world.attempt(call_id=CALL).say("attempt.claimed", call_id=CALL)
    world.look()
    world.outside.look()
    view = world.journal.view(NAME)
    assert (view.state, view.detail) == (
        RunState.STOPPED,
        f"no longer followed from outside: it reports itself as {RUN}",
    )
