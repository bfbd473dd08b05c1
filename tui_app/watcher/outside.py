"""What can be concluded of a foreign call from the platform's words alone: pure rules.

    container(number, task_id, t)        a container that was not known: container.seen
    ended(view, state, now)              a call that is over: attempt.ended, run.ended
    replaced(attempt, evidence, t)       an attempt whose call went on without it: attempt.ended
    preempted(attempt, line, t)          the platform wrote that it interrupted a container
    handed_over(run, now)                the call has records after all, as this run

All are marked ``inferred`` and name their evidence. Knows no clock, no network, no journal.
"""

from __future__ import annotations

from typing import Any

from remote.vocabulary.events import Severity
from remote.vocabulary.run_states import EndCause, FailureReason, RunState
from tui_app.journal.records import Draft
from tui_app.state.view import AttemptView, RunView
from tui_app.watcher.inference import CallState

PREEMPTION_WORDS = "interrupted due to worker preemption"
"""In the line that the platform writes into a container's log; there is no other public sign."""

_ENDS: dict[CallState, tuple[EndCause, RunState, FailureReason | None, str]] = {
    CallState.SUCCESS: (EndCause.COMPLETED, RunState.SUCCEEDED, None, "the call returned"),
    CallState.FAILURE: (
        EndCause.EXCEPTION,
        RunState.FAILED,
        FailureReason.RETRIES_EXHAUSTED,
        "the call failed for good; its logs have the traceback, how often it was tried is not reported",
    ),
    CallState.INIT_FAILURE: (
        EndCause.EXCEPTION,
        RunState.FAILED,
        FailureReason.SETUP_ERROR,
        "the container could not be set up",
    ),
    CallState.TERMINATED: (EndCause.STOPPED, RunState.STOPPED, None, "the call was cancelled"),
    CallState.TIMEOUT: (
        EndCause.TIMEOUT,
        RunState.FAILED,
        FailureReason.TIMEOUT,
        "the call ran out of its time and its retries",
    ),
    CallState.UNKNOWN: (
        EndCause.KILLED_UNKNOWN,
        RunState.FAILED,
        FailureReason.ENGINE_ERROR,
        "the target no longer knows the call; how it ended is not reported",
    ),
}


def container(number: int, task_id: str, t: float) -> Draft:
    """A container of the call that was not known before, as its next attempt."""
    return Draft(attempt=number, type="container.seen", data={"task_id": task_id, "inferred": True}, t=t)


def preempted(attempt: int, line: str, t: float) -> Draft:
    """The platform's own words, whether or not the trainer could still save."""
    return _end(attempt, EndCause.PREEMPTED_KILLED, f"the platform wrote: {line}", t)


def replaced(attempt: AttemptView, evidence: str, t: float) -> Draft:
    """It is over, and nothing tells why."""
    return _end(attempt.number, EndCause.KILLED_UNKNOWN, evidence, t)


def ended(view: RunView, state: CallState, now: float) -> list[Draft]:
    """The end of a call; nothing while it is pending, or when its end is known."""
    if state is CallState.PENDING or view.state.is_terminal:
        return []
    cause, outcome, reason, detail = _ENDS[state]
    evidence = f"the platform says of call {view.call_id}: {state}"
    drafts = []
    if view.attempt is not None and view.attempt.cause is None:
        drafts.append(_end(view.attempt.number, cause, evidence, now))
    data: dict[str, Any] = {"state": outcome, "detail": detail, "evidence": evidence, "inferred": True}
    if reason is not None:
        data["reason"] = reason
    severity = Severity.ERROR if outcome is RunState.FAILED else Severity.INFO
    return [*drafts, Draft(type="run.ended", sev=severity, data=data, t=now)]


def handed_over(run: str, now: float) -> Draft:
    """The end of following from outside: the call's trainer turned out to write the records of ``run``."""
    detail = f"no longer followed from outside: it reports itself as {run}"
    evidence = f"the records of {run} name the same call"
    data = {"state": RunState.STOPPED, "detail": detail, "evidence": evidence, "inferred": True}
    return Draft(type="run.ended", data=data, t=now)


def _end(attempt: int, cause: EndCause, evidence: str, t: float) -> Draft:
    data = {"cause": cause, "evidence": evidence, "inferred": True}
    return Draft(attempt=attempt, type="attempt.ended", sev=Severity.WARN, data=data, t=t)
