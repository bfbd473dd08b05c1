"""What nobody remote is alive to say, concluded from what is known: pure rules.

    spawned(view, spawn)               a generation that was reserved: run.spawned
    scheduled(event)                   an attempt that ended and will be retried: retry.scheduled
    silent(view, last_words)           attempts that a newer one replaced without a goodbye: attempt.ended
    over(view, call, last_words)       a call that is over and whose run never said so: run.ended

Each gives drafts that are marked ``inferred`` and name their evidence, and gives none for what the
view says already, so that asking again is harmless. Silence alone is never evidence. It knows no
clock, no network and no journal; whoever calls decides how long a late word is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from remote.records.command_log import Sent
from remote.vocabulary.events import Event, Severity
from remote.vocabulary.run_states import AttemptPhase, EndCause, FailureReason, RunState
from tui_app.journal.records import Arrival, Draft
from tui_app.state.view import AttemptView, RunView

CRASH_LOOP_AFTER = 3
"""Attempts in a row that died without a word and committed nothing."""


class CallState(StrEnum):
    """What the platform says of a call. It does not tell waiting from running."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    INIT_FAILURE = "init_failure"
    TERMINATED = "terminated"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"
    """The platform no longer knows the call."""


class Spawn(msgspec.Struct, frozen=True, kw_only=True):
    """A generation of a run as its records tell it; ``at`` is unix seconds, ``call_id`` empty while
    no call was recorded."""

    generation: int
    verb: str
    by: str
    host: str
    config: dict[str, Any]
    at: float
    from_step: int | None = None
    call_id: str = ""
    intent: str = ""


class LastWord(msgspec.Struct, frozen=True, kw_only=True):
    """The end that an attempt put into the run's records."""

    cause: EndCause
    step: int
    committed_step: int
    evidence: str
    t: float


def spawned(view: RunView, spawn: Spawn) -> list[Draft]:
    """A generation that the view does not know yet, or whose call it does not know yet."""
    news = view.spawned_at is None or bool(spawn.call_id and not view.call_id)
    if spawn.generation < view.generation or (spawn.generation == view.generation and not news):
        return []
    data = {
        "call_id": spawn.call_id,
        "verb": spawn.verb,
        "by": spawn.by,
        "host": spawn.host,
        "config": spawn.config,
        "generation": spawn.generation,
    }
    if spawn.from_step is not None:
        data["from_step"] = spawn.from_step
    if spawn.intent:
        data["id"] = spawn.intent
    return [Draft(type="run.spawned", data=data, t=spawn.at)]


def asked(sent: Iterable[tuple[int, Sent | None]], is_ours: Callable[[str], bool]) -> list[Draft]:
    """What other watchers put into the run's command log: intent.sent, by their hand and time."""
    return [
        Draft(
            attempt=each.command.attempt,
            type="intent.sent",
            data={
                "id": each.command.id,
                "verb": each.command.verb,
                "by": each.command.by,
                "host": each.command.host,
            },
            t=each.sent_at,
        )
        for _, each in sent
        if each is not None and not is_ours(each.command.id)
    ]


def beside(arrival: Arrival, unsaid: list[Spawn]) -> Arrival:
    """The arrival with what belongs just before and after it.

    The spawn of a generation stands before the first claim of its call; those before which nothing
    of theirs arrived stand there too, in order. They are taken out of ``unsaid``.
    """
    event, before = arrival.event, []
    if event.type == "attempt.claimed":
        calls = [spawn.call_id for spawn in unsaid]
        call_id = event.data.get("call_id")
        if call_id and call_id in calls:
            for spawn in unsaid[: calls.index(call_id) + 1]:
                before += spawned(RunView(run=event.run), spawn)
            del unsaid[: calls.index(call_id) + 1]
    after = scheduled(event)
    if not before and not after:
        return arrival
    return Arrival(event, arrival.line, tuple(before), tuple(after))


def scheduled(event: Event) -> list[Draft]:
    """The wait that follows an attempt's end, which no process is alive to announce."""
    retry, delay = event.data.get("retry"), event.data.get("delay")
    if event.type != "attempt.ended" or event.data.get("will_retry") is not True:
        return []
    if not isinstance(retry, int) or not isinstance(delay, int | float):
        return []
    data = {
        "retry": retry,
        "of": event.data.get("of"),
        "delay": delay,
        "due": event.t + delay,
        "evidence": f"attempt {event.attempt} ended ({event.data.get('cause')}), to be retried",
        "inferred": True,
    }
    return [Draft(attempt=event.attempt, type="retry.scheduled", sev=Severity.WARN, data=data, t=event.t)]


def silent(view: RunView, last_words: Mapping[int, LastWord]) -> list[Draft]:
    """Attempts without an end before the newest one: the newest one's claim says that they are gone."""
    drafts = []
    for attempt, successor in zip(view.attempts, view.attempts[1:], strict=False):
        if attempt.cause is None:
            evidence = f"attempt {successor.number} claimed the run"
            drafts.append(_ended(view, attempt, last_words, evidence, successor.claimed_at))
    return drafts


def over(view: RunView, call: CallState, last_words: Mapping[int, LastWord], now: float) -> list[Draft]:
    """The end of a run whose call is over; nothing while the call is pending or the end is known."""
    if call is CallState.PENDING or view.state.is_terminal:
        return []
    drafts = silent(view, last_words)
    attempt = view.attempt
    if attempt is not None and attempt.generation < view.generation:
        attempt = None
    cause = None if attempt is None else attempt.cause
    if attempt is not None and attempt.cause is None:
        ended = _ended(view, attempt, last_words, f"its call is over ({call})", now, _CAUSES.get(call))
        cause = EndCause(ended.data["cause"])
        drafts.append(ended)
    state, reason = _verdict(view, call, cause)
    data: dict[str, Any] = {
        "state": state,
        "detail": _DETAILS[call],
        "step": view.step,
        "committed_step": view.committed_step,
        "evidence": f"the platform says of call {view.call_id or '(none)'}: {call}",
        "inferred": True,
    }
    if reason is not None:
        data["reason"] = reason
    severity = Severity.ERROR if state is RunState.FAILED else Severity.INFO
    return [*drafts, Draft(type="run.ended", sev=severity, data=data, t=now)]


def never_called(view: RunView, spawn: Spawn, now: float) -> list[Draft]:
    """The end of a generation that was reserved and for which no call was ever made."""
    if view.state.is_terminal or view.generation != spawn.generation or view.call_id:
        return []
    data = {
        "state": RunState.FAILED,
        "reason": FailureReason.ENGINE_ERROR,
        "detail": "it was reserved, but no call was made; resume it to try again",
        "step": view.step,
        "committed_step": view.committed_step,
        "evidence": f"no call was recorded for generation {spawn.generation}, nor has one claimed it",
        "inferred": True,
    }
    return [Draft(type="run.ended", sev=Severity.ERROR, data=data, t=now)]


_CAUSES = {CallState.TERMINATED: EndCause.STOPPED, CallState.TIMEOUT: EndCause.TIMEOUT}
_DETAILS = {
    CallState.SUCCESS: "the call returned without the run's last word",
    CallState.FAILURE: "the call failed for good",
    CallState.INIT_FAILURE: "the container could not be set up",
    CallState.TERMINATED: "the call was cancelled",
    CallState.TIMEOUT: "the call ran out of its time and its retries",
    CallState.UNKNOWN: "the target no longer knows the call",
}


def _ended(
    view: RunView,
    attempt: AttemptView,
    last_words: Mapping[int, LastWord],
    evidence: str,
    t: float,
    cause: EndCause | None = None,
) -> Draft:
    word = last_words.get(attempt.number)
    draining = bool(attempt.phases) and attempt.phases[-1].phase is AttemptPhase.DRAINING
    committed = [commit.step for commit in view.commits if commit.attempt <= attempt.number]
    step, committed_step = attempt.last_step, max(committed, default=0)
    if word is not None:
        cause, step, committed_step, t = word.cause, word.step, word.committed_step, word.t
        evidence = f"{word.evidence or word.cause} (its record of its own end)"
    elif cause is None and draining:
        cause = EndCause.PREEMPTED_KILLED
        evidence = f"{evidence}; it was being interrupted and left no last word"
    elif cause is None:
        cause = EndCause.KILLED_UNKNOWN
        evidence = f"{evidence}; it left no last word"
    data = {
        "cause": cause,
        "step": step,
        "committed_step": committed_step,
        "evidence": evidence,
        "inferred": True,
    }
    return Draft(attempt=attempt.number, type="attempt.ended", sev=Severity.WARN, data=data, t=t)


def _verdict(view: RunView, call: CallState, cause: EndCause | None) -> tuple[RunState, FailureReason | None]:
    if call is CallState.TERMINATED or (call is CallState.SUCCESS and cause is EndCause.STOPPED):
        return RunState.STOPPED, None
    if call is CallState.SUCCESS and cause is EndCause.COMPLETED:
        return RunState.SUCCEEDED, None
    if call is CallState.INIT_FAILURE:
        return RunState.FAILED, FailureReason.SETUP_ERROR
    if call is CallState.TIMEOUT:
        return RunState.FAILED, FailureReason.TIMEOUT
    if call is CallState.FAILURE and cause is EndCause.EXCEPTION:
        return RunState.FAILED, FailureReason.RETRIES_EXHAUSTED
    if call is CallState.FAILURE and _is_crash_loop(view):
        return RunState.FAILED, FailureReason.CRASH_LOOP
    return RunState.FAILED, FailureReason.ENGINE_ERROR


def _is_crash_loop(view: RunView) -> bool:
    newest = view.attempts[-CRASH_LOOP_AFTER:]
    silent_ends = (None, EndCause.KILLED_UNKNOWN, EndCause.OOM)
    fruitless = {attempt.number for attempt in newest} - {commit.attempt for commit in view.commits}
    return len(fruitless) == CRASH_LOOP_AFTER and all(attempt.cause in silent_ends for attempt in newest)
