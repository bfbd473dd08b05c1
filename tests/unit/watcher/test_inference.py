"""What the watcher concludes, and from what; and what it must never conclude."""

from typing import Any

import pytest

from remote.vocabulary.events import TRAINER, Event
from remote.vocabulary.run_states import AttemptPhase, EndCause, FailureReason, RunState
from tui_app.journal.records import Arrival, Draft
from tui_app.state.fold import fold
from tui_app.state.view import RunView
from tui_app.watcher.inference import (
    CallState,
    LastWord,
    Spawn,
    beside,
    never_called,
    over,
    scheduled,
    silent,
    spawned,
)

RUN = "r7"


class Telling:
    """Folds what is told, as the journal would."""

    def __init__(self) -> None:
        self.view, self.t, self._seqs = RunView(run=RUN), 1000.0, {}

    def say(self, type: str, attempt: int = 0, source: str = TRAINER, **data: Any) -> Event:
        seq = self._seqs[attempt, source] = self._seqs.get((attempt, source), 0) + 1
        self.t += 1.0
        event = Event(
            run=RUN, attempt=attempt, source=source, seq=seq, t=self.t, mono=self.t, type=type, data=data
        )
        self.view = fold(self.view, event)
        return event

    def conclude(self, drafts: list[Draft]) -> list[Draft]:
        for draft in drafts:
            self.say(draft.type, draft.attempt, "watcher:w1", **draft.data)
        return drafts

    def claim(self, attempt: int, call_id: str = "fc-1", resumed_from: int = 0) -> Event:
        return self.say("attempt.claimed", attempt, call_id=call_id, resumed_from=resumed_from)

    def step(self, attempt: int, step: int) -> None:
        self.say("step.completed", attempt, step=step, of=20, metrics={})


def spawn(generation: int = 1, call_id: str = "fc-1", **about: Any) -> Spawn:
    return Spawn(
        generation=generation,
        verb="spawn",
        by="ada",
        host="jump-1",
        config={"steps": 20},
        at=900.0,
        call_id=call_id,
        **about,
    )


@pytest.fixture
def telling() -> Telling:
    told = Telling()
    told.conclude(spawned(told.view, spawn()))
    return told


def test_a_reserved_generation_is_told_once_with_the_time_of_its_reservation() -> None:
    told = Telling()
    (draft,) = told.conclude(spawned(told.view, spawn(from_step=4)))
    assert (draft.type, draft.t, draft.data["call_id"]) == ("run.spawned", 900.0, "fc-1")
    assert (draft.data["generation"], draft.data["from_step"]) == (1, 4)
    assert spawned(told.view, spawn()) == []
    assert [d.data["generation"] for d in spawned(told.view, spawn(2, "fc-2"))] == [2]


def test_a_call_that_becomes_known_later_is_told_then() -> None:
    told = Telling()
    told.conclude(spawned(told.view, spawn(call_id="")))
    assert (told.view.state, spawned(told.view, spawn(call_id=""))) == (RunState.QUEUED, [])
    told.conclude(spawned(told.view, spawn()))
    assert (told.view.state, told.view.call_id) == (RunState.STARTING, "fc-1")
    assert spawned(told.view, spawn()) == []


def test_spawns_stand_before_the_first_claim_of_their_call() -> None:
    told = Telling()
    unsaid = [spawn(1, "fc-1"), spawn(2, "fc-2"), spawn(3, "fc-3")]
    other, second = told.claim(1, "fc-other"), told.claim(2, "fc-2")
    assert beside(Arrival(other, b""), unsaid) == Arrival(other, b"")
    arrival = beside(Arrival(second, b""), unsaid)
    assert [draft.data["generation"] for draft in arrival.before] == [1, 2]
    assert [each.generation for each in unsaid] == [3]


def test_an_end_that_will_be_retried_is_followed_by_its_wait(telling: Telling) -> None:
    telling.claim(1)
    end = telling.say(
        "attempt.ended", 1, cause="exception", will_retry=True, retry=1, of=3, delay=5.0, step=4
    )
    (draft,) = telling.conclude(scheduled(end))
    assert (draft.attempt, draft.type, draft.data["due"]) == (1, "retry.scheduled", end.t + 5.0)
    assert draft.data["inferred"]
    assert "attempt 1" in draft.data["evidence"]
    assert telling.view.state is RunState.BACKOFF


@pytest.mark.parametrize(
    "data",
    [
        {"cause": "exception"},
        {"cause": "exception", "will_retry": False, "retry": 1, "delay": 5.0},
        {"cause": "exception", "will_retry": True, "retry": "1", "delay": 5.0},
        {"cause": "exception", "will_retry": True, "retry": 1},
    ],
)
def test_no_wait_follows_any_other_end(telling: Telling, data: dict[str, Any]) -> None:
    assert scheduled(telling.say("attempt.ended", 1, **data)) == []


def test_an_attempt_that_was_replaced_without_a_goodbye_is_killed_for_reasons_unknown(
    telling: Telling,
) -> None:
    telling.claim(1)
    telling.step(1, 4)
    assert silent(telling.view, {}) == []
    claimed = telling.claim(2)
    (draft,) = telling.conclude(silent(telling.view, {}))
    assert (draft.attempt, draft.data["cause"], draft.data["step"]) == (1, EndCause.KILLED_UNKNOWN, 4)
    assert (draft.t, draft.data["inferred"]) == (claimed.t, True)
    assert "attempt 2 claimed the run" in draft.data["evidence"]
    assert silent(telling.view, {}) == []


def test_one_that_was_being_interrupted_was_killed_by_its_preemption(telling: Telling) -> None:
    telling.claim(1)
    telling.say("drain.started", 1, cause="preempted", grace=5.0, deadline=1010.0, saving=True)
    telling.claim(2)
    (draft,) = silent(telling.view, {})
    assert draft.data["cause"] == EndCause.PREEMPTED_KILLED


def test_the_attempts_own_end_record_beats_every_guess(telling: Telling) -> None:
    telling.claim(1)
    telling.claim(2)
    word = LastWord(cause=EndCause.OOM, step=7, committed_step=5, evidence="", t=1001.5)
    (draft,) = silent(telling.view, {1: word})
    assert (draft.data["cause"], draft.data["step"], draft.t) == (EndCause.OOM, 7, 1001.5)


def test_a_goodbye_that_arrives_late_replaces_what_was_concluded(telling: Telling) -> None:
    telling.claim(1)
    telling.claim(2)
    telling.conclude(silent(telling.view, {}))
    telling.say("attempt.ended", 1, cause="preempted_drained", evidence="SIGINT")
    assert telling.view.attempts[0].cause is EndCause.PREEMPTED_DRAINED
    assert not telling.view.attempts[0].inferred


def test_nothing_is_concluded_from_a_call_that_is_pending(telling: Telling) -> None:
    telling.claim(1)
    assert over(telling.view, CallState.PENDING, {}, 5000.0) == []


VERDICTS = [
    (CallState.TERMINATED, EndCause.STOPPED, RunState.STOPPED, None),
    (CallState.TIMEOUT, EndCause.TIMEOUT, RunState.FAILED, FailureReason.TIMEOUT),
    (CallState.INIT_FAILURE, EndCause.KILLED_UNKNOWN, RunState.FAILED, FailureReason.SETUP_ERROR),
    (CallState.FAILURE, EndCause.KILLED_UNKNOWN, RunState.FAILED, FailureReason.ENGINE_ERROR),
    (CallState.SUCCESS, EndCause.KILLED_UNKNOWN, RunState.FAILED, FailureReason.ENGINE_ERROR),
    (CallState.UNKNOWN, EndCause.KILLED_UNKNOWN, RunState.FAILED, FailureReason.ENGINE_ERROR),
]


@pytest.mark.parametrize(("call", "cause", "state", "reason"), VERDICTS)
def test_a_call_that_is_over_ends_its_attempt_and_its_run(
    telling: Telling,
    call: CallState,
    cause: EndCause,
    state: RunState,
    reason: FailureReason | None,
) -> None:
    telling.claim(1)
    telling.step(1, 4)
    ended, run_ended = telling.conclude(over(telling.view, call, {}, 5000.0))
    assert (ended.attempt, ended.data["cause"]) == (1, cause)
    assert (telling.view.state, telling.view.reason) == (state, reason)
    assert run_ended.data["evidence"] == f"the platform says of call fc-1: {call}"
    assert over(telling.view, call, {}, 5001.0) == []


OWN_ENDS = [
    ("completed", CallState.SUCCESS, RunState.SUCCEEDED, None),
    ("stopped", CallState.SUCCESS, RunState.STOPPED, None),
    ("exception", CallState.FAILURE, RunState.FAILED, FailureReason.RETRIES_EXHAUSTED),
]


@pytest.mark.parametrize(("cause", "call", "state", "reason"), OWN_ENDS)
def test_the_attempts_own_cause_decides_where_the_call_alone_does_not_tell(
    telling: Telling, cause: str, call: CallState, state: RunState, reason: FailureReason | None
) -> None:
    telling.claim(1)
    telling.say("attempt.ended", 1, cause=cause)
    drafts = telling.conclude(over(telling.view, call, {}, 5000.0))
    assert [draft.type for draft in drafts] == ["run.ended"]
    assert (telling.view.state, telling.view.reason) == (state, reason)


def test_three_attempts_that_died_fruitlessly_are_a_crash_loop(telling: Telling) -> None:
    for attempt in (1, 2, 3):
        telling.claim(attempt)
    telling.conclude(over(telling.view, CallState.FAILURE, {}, 5000.0))
    assert telling.view.reason is FailureReason.CRASH_LOOP
    assert [attempt.cause for attempt in telling.view.attempts] == [EndCause.KILLED_UNKNOWN] * 3


def test_it_is_no_crash_loop_when_one_of_them_committed(telling: Telling) -> None:
    telling.claim(1)
    telling.claim(2)
    telling.say("volume.committed", 2, step=4, name="s4", position=1, bytes=1, seconds=0.1, tries=1)
    telling.claim(3, resumed_from=4)
    telling.conclude(over(telling.view, CallState.FAILURE, {}, 5000.0))
    assert telling.view.reason is FailureReason.ENGINE_ERROR


def test_the_end_of_a_newer_call_does_not_touch_attempts_of_an_older_one(telling: Telling) -> None:
    telling.claim(1)
    telling.say("attempt.ended", 1, cause="stopped")
    telling.say("run.ended", 1, state="STOPPED", detail="", step=0, committed_step=0)
    telling.conclude(spawned(telling.view, spawn(2, "fc-2")))
    (draft,) = telling.conclude(over(telling.view, CallState.INIT_FAILURE, {}, 5000.0))
    assert (draft.type, telling.view.state) == ("run.ended", RunState.FAILED)
    assert telling.view.attempts[0].cause is EndCause.STOPPED


def test_a_reservation_without_a_call_ends_as_something_that_can_be_resumed() -> None:
    told = Telling()
    told.conclude(spawned(told.view, spawn(call_id="")))
    told.conclude(never_called(told.view, spawn(call_id=""), 5000.0))
    assert (told.view.state, told.view.reason) == (RunState.FAILED, FailureReason.ENGINE_ERROR)
    assert never_called(told.view, spawn(call_id=""), 5000.0) == []


def test_a_reservation_that_was_called_is_not_abandoned(telling: Telling) -> None:
    assert never_called(telling.view, spawn(), 5000.0) == []
    assert telling.view.phase is AttemptPhase.BOOTING
