"""When an input may run, and what becomes of it: a pure state machine.

It knows neither SQLite nor processes nor a clock: the caller passes `now` (unix seconds) and stores
the value that comes back. An input is PENDING (may start), DELAYED (may start at ``due``), RUNNING
(in exactly one container) or DONE (for ever). Rules, as Modal documents them:

* a failed output is retried after ``min(initial * coefficient ** (k - 1), max)`` while k ≤ retries;
* a preempted or crashed container gives its input back with the retry count unchanged;
* crashes in a row without an output wait longer each time, and at last fail the input; a container that
  lived well before it died (it committed something, or held the input longer than the longest wait)
  begins a new row: a long training may be killed any number of times;
* a cancelled input is done, and nothing that arrives later changes that;
* a client that waits for its call keeps the retries to itself: it asks for each further try.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

CRASHES_BEFORE_DELAY = 1
CRASHES_ALLOWED = 8
CRASH_DELAY_MAX = 60.0
COMMIT_COUNTS_AFTER = 1.0
"""Seconds from the start of an input: what says hello and dies has not come forward."""


class InputStatus(StrEnum):
    """Where an input stands."""

    PENDING = "pending"
    DELAYED = "delayed"
    RUNNING = "running"
    DONE = "done"


class Gone(StrEnum):
    """Why a container is gone with its input unfinished."""

    PREEMPTED = "preempted"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A function's retry policy in seconds, as the server applies it."""

    retries: int = 0
    initial_delay: float = 1.0
    coefficient: float = 1.0
    max_delay: float = 60.0

    def delay(self, k: int) -> float:
        """Seconds before retry k (from 1)."""
        return min(self.initial_delay * self.coefficient ** (k - 1), self.max_delay)

    def scaled(self, factor: float) -> Retry:
        """The same policy with shorter or longer delays."""
        return replace(self, initial_delay=self.initial_delay * factor, max_delay=self.max_delay * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputState:
    """One input's standing. ``crashes`` counts containers lost in a row without an output or a sign that
    they came forward; ``started_at`` is when the container that holds it took it."""

    status: InputStatus = InputStatus.PENDING
    retry_count: int = 0
    due: float = 0.0
    task_id: str | None = None
    crashes: int = 0
    started_at: float | None = None


class TransitionError(RuntimeError):
    """Something was asked of an input that its state does not allow."""


def startable(state: InputState, now: float) -> bool:
    """Whether a container may take the input now."""
    if state.status is InputStatus.DELAYED:
        return state.due <= now
    return state.status is InputStatus.PENDING


def start(state: InputState, task_id: str, now: float) -> InputState:
    """Hand the input to a container; never to a second one."""
    if not startable(state, now):
        raise TransitionError(f"an input that is {state.status} cannot start in {task_id}")
    return replace(state, status=InputStatus.RUNNING, task_id=task_id, due=0.0, started_at=now)


def output(state: InputState, task_id: str, *, success: bool, retry: Retry, now: float) -> InputState:
    """An output arrived. From any container but the one that holds the input it is ignored."""
    if state.status is not InputStatus.RUNNING or state.task_id != task_id:
        return state
    if success or state.retry_count >= retry.retries:
        return replace(state, status=InputStatus.DONE, crashes=0)
    k = state.retry_count + 1
    return _waiting(state, until=now + retry.delay(k), retry_count=k, crashes=0)


def committed(state: InputState, task_id: str, now: float) -> InputState:
    """The container of a running input has published a change of a volume: it comes forward."""
    if state.status is not InputStatus.RUNNING or state.task_id != task_id:
        return state
    return replace(state, crashes=0) if _held(state, now) >= COMMIT_COUNTS_AFTER else state


def gone(state: InputState, task_id: str, why: Gone, now: float) -> InputState:
    """The container of a running input is gone without an output: the same input again."""
    if state.status is not InputStatus.RUNNING or state.task_id != task_id:
        return state
    if why is Gone.PREEMPTED:
        return replace(state, status=InputStatus.PENDING, task_id=None, started_at=None)
    crashes = 1 if _held(state, now) > CRASH_DELAY_MAX else state.crashes + 1
    if crashes >= CRASHES_ALLOWED:
        return replace(state, status=InputStatus.DONE, crashes=crashes)
    wait = 0.0 if crashes <= CRASHES_BEFORE_DELAY else min(2.0 ** (crashes - 2), CRASH_DELAY_MAX)
    return _waiting(state, until=now + wait, crashes=crashes)


def retry(state: InputState, count: int) -> InputState:
    """The client asks for try number ``count`` (the first one is 0) of an input that is done; asked
    again for a try that there was, nothing happens. Crashes in a row go on counting."""
    if state.status is not InputStatus.DONE or count <= state.retry_count:
        return state
    return replace(
        state, status=InputStatus.PENDING, retry_count=count, due=0.0, task_id=None, started_at=None
    )


def finish(state: InputState) -> InputState:
    """End the input whatever it is doing: cancelled, or its app stopped."""
    return replace(state, status=InputStatus.DONE)


def _held(state: InputState, now: float) -> float:
    """Seconds since the container took the input."""
    return now - state.started_at if state.started_at is not None else 0.0


def _waiting(state: InputState, *, until: float, crashes: int, retry_count: int | None = None) -> InputState:
    return replace(
        state,
        status=InputStatus.DELAYED,
        due=until,
        task_id=None,
        started_at=None,
        crashes=crashes,
        retry_count=state.retry_count if retry_count is None else retry_count,
    )
