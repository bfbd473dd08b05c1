"""What a run's facts add up to: state, phase, current step, as functions of the rest of the view.

Because they are derived and not stepped from event to event, two sources that interleave in another
order lead to the same view. A terminal state is a fact of its own and is never derived away.
"""

from __future__ import annotations

import msgspec

from remote.vocabulary.run_states import AttemptPhase, EndCause, RunState
from tui_app.state.view import AttemptView, RunView

_STEPPED = (AttemptPhase.STEPPING, AttemptPhase.CHECKPOINTING, AttemptPhase.COMMITTING)
_COMES_BACK = (
    EndCause.PREEMPTED_DRAINED,
    EndCause.PREEMPTED_KILLED,
    EndCause.OOM,
    EndCause.KILLED_UNKNOWN,
    EndCause.LOST,
    EndCause.FENCED,
)
_LEAVING_FOR_GOOD = ("stop", "cancelled")


def settle(view: RunView) -> RunView:
    """The view with everything that follows from its facts brought up to date."""
    view = _settle_step(view)
    if view.state.is_terminal:
        return msgspec.structs.replace(
            view,
            phase=AttemptPhase.ENDED if view.attempts else None,
            phase_since=view.state_since,
            backoff=None,
            drain=None,
            drills=(),
            drill_text="",
            commit_retry_at=None,
        )
    attempt = current_attempt(view)
    if view.backoff is not None and (attempt is None or attempt.cause is None):
        view = msgspec.structs.replace(view, backoff=None)
    if attempt is None or attempt.cause is not None:
        view = msgspec.structs.replace(view, drain=None, commit_retry_at=None)
    state, since = _state(view, attempt)
    phase, phase_since = _phase(view, attempt)
    if (state, since, phase, phase_since) == (view.state, view.state_since, view.phase, view.phase_since):
        return view
    return msgspec.structs.replace(view, state=state, state_since=since, phase=phase, phase_since=phase_since)


def current_attempt(view: RunView) -> AttemptView | None:
    """The newest attempt of the newest call; None while that call has not claimed one."""
    attempt = view.attempt
    return attempt if attempt is not None and attempt.generation >= view.generation else None


def _settle_step(view: RunView) -> RunView:
    """The step that the newest attempt stands at. Going back drops the sparkline's newest points."""
    step = view.attempts[-1].last_step if view.attempts else 0
    if step >= view.step:
        return view if step == view.step else msgspec.structs.replace(view, step=step)
    back = view.step - step
    return msgspec.structs.replace(view, step=step, reward_tail=view.reward_tail[:-back])


def _state(view: RunView, attempt: AttemptView | None) -> tuple[RunState, float | None]:
    if attempt is None:
        begun = view.call_id and view.level.has_records
        return (RunState.STARTING if begun else RunState.QUEUED), view.spawned_at
    if attempt.cause is not None:
        if view.backoff is not None:
            return RunState.BACKOFF, attempt.ended_at
        comes_back = attempt.cause in _COMES_BACK
        return (RunState.RECOVERING if comes_back else RunState.STOPPING), attempt.ended_at
    if view.drain is not None:
        leaving = view.drain.cause in _LEAVING_FOR_GOOD
        since = _first(attempt, (AttemptPhase.DRAINING,))
        return (RunState.STOPPING if leaving else RunState.PREEMPTING), since
    stepping = _first(attempt, _STEPPED)
    if stepping is not None:
        return RunState.RUNNING, stepping
    if attempt.first_step is not None or not view.level.has_records:
        return RunState.RUNNING, attempt.claimed_at
    return RunState.STARTING, attempt.claimed_at


def _phase(view: RunView, attempt: AttemptView | None) -> tuple[AttemptPhase | None, float | None]:
    if not view.level.has_records and (attempt is None or attempt.cause is None):
        return None, None
    if attempt is None:
        return (AttemptPhase.BOOTING, view.spawned_at) if view.call_id else (None, None)
    if attempt.cause is not None:
        return AttemptPhase.ENDED, attempt.ended_at
    if attempt.phases:
        return attempt.phases[-1].phase, attempt.phases[-1].t
    return AttemptPhase.CLAIMED, attempt.claimed_at


def _first(attempt: AttemptView, phases: tuple[AttemptPhase, ...]) -> float | None:
    return next((span.t for span in attempt.phases if span.phase in phases), None)
