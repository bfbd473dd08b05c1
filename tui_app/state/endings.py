"""An attempt or a run ends: drains, last words, the wait before a retry, terminal states.

Pure handlers of the fold. An attempt's own word beats an inferred one; of a terminal state the first
word is final.
"""

from __future__ import annotations

import msgspec

from remote.vocabulary.events import TRAINER, Event
from remote.vocabulary.run_states import AttemptPhase, EndCause, FailureReason, RunState
from tui_app.state import attempts
from tui_app.state.fields import Fields
from tui_app.state.view import AttemptView, Backoff, Drain, RunView

DEFAULT_GRACE_SECONDS = 30.0
_PREEMPTED = (EndCause.PREEMPTED_DRAINED, EndCause.PREEMPTED_KILLED)
replace = msgspec.structs.replace


def draining(view: RunView, event: Event, fields: Fields) -> RunView:
    """Take in a ``drain.started``."""
    deadline = fields.real("deadline")
    if deadline is None:
        deadline = event.t + (fields.real("grace") or 0.0)
    drain = Drain(
        cause=fields.text("cause") or "preempted",
        deadline=deadline,
        saving=fields.flag("saving"),
        why=fields.text("why"),
    )
    return _with_drain(view, event, drain)


def _with_drain(view: RunView, event: Event, drain: Drain) -> RunView:
    if event.attempt < 1:
        return view
    view = attempts.update(
        view,
        event.attempt,
        event.t,
        lambda attempt: attempts.with_phase(attempt, AttemptPhase.DRAINING, event.t),
    )
    return replace(view, drain=drain) if attempts.is_newest(view, event.attempt) else view


def command_received(view: RunView, event: Event, fields: Fields) -> RunView:
    """A stop that the trainer has taken is a drain that the operator asked for."""
    if fields.text("verb") != "stop":
        return view
    grace = Fields(view.config).real("grace_seconds")
    deadline = event.t + (DEFAULT_GRACE_SECONDS if grace is None else grace)
    why = "the operator asked it to stop"
    return _with_drain(view, event, Drain(cause="stop", deadline=deadline, saving=True, why=why))


def attempt_ended(view: RunView, event: Event, fields: Fields) -> RunView:
    """The attempt's own last word beats what the watcher inferred, whichever arrives first."""
    cause, inferred = fields.word("cause", EndCause), fields.flag("inferred")
    if cause is None or event.attempt < 1:
        return view

    def change(attempt: AttemptView) -> AttemptView:
        if attempt.cause is not None and inferred >= attempt.inferred:
            return attempt
        evidence = fields.text("evidence")
        return replace(attempt, ended_at=event.t, cause=cause, evidence=evidence, inferred=inferred)

    view = attempts.update(view, event.attempt, event.t, change)
    view = preempted(view, sum(attempt.cause in _PREEMPTED for attempt in view.attempts))
    return _with_backoff(view, event, fields) if fields.flag("will_retry") else view


def retry_scheduled(view: RunView, event: Event, fields: Fields) -> RunView:
    """Take in a ``retry.scheduled``."""
    return _with_backoff(view, event, fields)


def _with_backoff(view: RunView, event: Event, fields: Fields) -> RunView:
    retry, of, delay = fields.whole("retry"), fields.whole("of"), fields.real("delay")
    attempt = attempts.find(view, event.attempt)
    current = attempts.is_newest(view, event.attempt)
    if not current or retry is None or (attempt is not None and attempt.generation < view.generation):
        return view
    delay = max(0.0, delay or 0.0)
    due = fields.real("due")
    backoff = Backoff(
        retry=retry,
        of=of if of is not None else (view.max_retries or retry),
        delay=delay,
        due=due if due is not None else event.t + delay,
    )
    if view.backoff is not None and (view.backoff.retry, view.backoff.due) > (backoff.retry, backoff.due):
        backoff = view.backoff
    return replace(view, backoff=backoff, retries_used=max(view.retries_used, retry))


def run_ended(view: RunView, event: Event, fields: Fields) -> RunView:
    """Take in a ``run.ended`` of the newest call."""
    state = fields.word("state", RunState)
    if state is None or not state.is_terminal or view.state.is_terminal or _is_of_older_call(view, event):
        return view
    return replace(
        view,
        state=state,
        state_since=event.t,
        reason=fields.word("reason", FailureReason),
        detail=fields.text("detail"),
    )


def _is_of_older_call(view: RunView, event: Event) -> bool:
    """The trainer speaks for its attempt's call; a watcher for the newest call that it knew."""
    if event.source == TRAINER:
        attempt = attempts.find(view, event.attempt)
        return attempt is not None and attempt.generation < view.generation
    return view.spawned_at is not None and event.t < view.spawned_at


def preempted(view: RunView, count: int) -> RunView:
    """At least ``count`` preemptions are known."""
    return replace(view, preemptions=max(view.preemptions, count))
