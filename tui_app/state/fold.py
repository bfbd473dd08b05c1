"""One event into one view: `fold(view, event) -> view`, pure and total.

    view = RunView(run="r7")
    for event in events:
        view = fold(view, event)

* Unknown types and fields, and values of a wrong kind, are ignored; nothing raises.
* A repeat changes nothing (`tui_app.state.sequence`), a hole is recorded and closed when it fills.
* Facts are kept so that their order of arrival does not matter: largest step, newest by time, one
  entry per position; what follows from them is derived (`tui_app.state.standing`). Only the
  sparkline tails keep order of arrival: a step that arrives late is not inserted.
* A terminal state is final, until a new call of the run (a resume) is seen.

It reads no clock: how old something is, is for whoever shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from remote.vocabulary.events import Event
from remote.vocabulary.run_states import AttemptPhase
from tui_app.state import attempts
from tui_app.state.adoption import adopted, container_seen
from tui_app.state.beginnings import claimed, spawned
from tui_app.state.commits import commit_failed, committed, loaded
from tui_app.state.endings import attempt_ended, command_received, draining, retry_scheduled, run_ended
from tui_app.state.evaluation import evaluation_ended, evaluation_progressed, evaluation_started
from tui_app.state.fields import Fields
from tui_app.state.gpu_load import host_sampled
from tui_app.state.points import LONGEST, usable
from tui_app.state.sequence import admit
from tui_app.state.standing import settle
from tui_app.state.view import REWARD_TAIL, AttemptView, RunView

STEP_SECONDS_TAIL = 32

replace = msgspec.structs.replace


def fold(view: RunView, event: Event) -> RunView:
    """The view after this event. Events of other runs and repeats give the same view back."""
    if event.run != view.run or not math.isfinite(event.t):
        return view
    admitted = admit(view, event)
    if admitted is None:
        return view
    newest = max(admitted.last_event_at or event.t, event.t)
    view = replace(admitted, events=view.events + 1, last_event_at=newest)
    handler = _HANDLERS.get(event.type)
    if handler is None:
        return view
    return settle(handler(view, event, Fields(event.data)))


def _phase_changed(view: RunView, event: Event, fields: Fields) -> RunView:
    phase = fields.word("phase", AttemptPhase)
    if phase is None or phase is AttemptPhase.ENDED:
        return view
    return attempts.update(
        view, event.attempt, event.t, lambda attempt: attempts.with_phase(attempt, phase, event.t)
    )


def _gpu_found(view: RunView, event: Event, fields: Fields) -> RunView:
    if not attempts.is_newest(view, event.attempt):
        return view
    return replace(
        view,
        gpu_requested=fields.text("requested"),
        gpu_requested_count=fields.whole("requested_count"),
        gpu_count=fields.whole("count"),
        cpu_demo=fields.flag("cpu_demo"),
    )


def _model_loaded(view: RunView, event: Event, fields: Fields) -> RunView:
    if not attempts.is_newest(view, event.attempt):
        return view
    return replace(view, model=fields.text("model"), parameters=fields.whole("parameters"))


def _stepped(view: RunView, event: Event, fields: Fields) -> RunView:
    step = fields.whole("step")
    if step is None or step < 1 or event.attempt < 1:
        return view
    known = attempts.find(view, event.attempt)
    ahead = known is None or known.first_step is None or step > known.last_step

    def change(attempt: AttemptView) -> AttemptView:
        first = step if attempt.first_step is None else min(attempt.first_step, step)
        return replace(attempt, first_step=first, last_step=max(attempt.last_step, step))

    view = attempts.update(view, event.attempt, event.t, change)
    if not attempts.is_newest(view, event.attempt) or not ahead:
        return view
    metrics = fields.metrics()
    passed = any(drill.step < step for drill in view.drills)
    of = fields.whole("of")
    seconds = usable(metrics.get("step_seconds"), LONGEST)
    return replace(
        view,
        of=of if of is not None else view.of,
        step_at=event.t,
        metrics=metrics,
        tokens_per_second=usable(metrics.get("tokens_per_second")),
        reward_tail=_tail(view.reward_tail, usable(metrics.get("reward/mean")), REWARD_TAIL),
        step_seconds=_tail(view.step_seconds, seconds, STEP_SECONDS_TAIL),
        step=max(view.step, step),
        drills=tuple(drill for drill in view.drills if drill.step >= step),
        drill_text="" if passed else view.drill_text,
    )


def _tail(tail: tuple[float, ...], value: float | None, length: int) -> tuple[float, ...]:
    return tail if value is None else (*tail, value)[-length:]


def _saved(view: RunView, event: Event, fields: Fields) -> RunView:
    step = fields.whole("step")
    if step is None or (view.saved_at is not None and event.t < view.saved_at):
        return view
    return replace(view, saved_step=step, saved_at=event.t)


def _drill_announced(view: RunView, event: Event, fields: Fields) -> RunView:
    step = fields.whole("at_step")
    if not attempts.is_newest(view, event.attempt) or (step is not None and step < view.step):
        return view
    return replace(view, drill_text=fields.text("text"))


def _drill_executed(view: RunView, event: Event, fields: Fields) -> RunView:
    done = (fields.text("kind"), fields.whole("at_step"))
    left = tuple(drill for drill in view.drills if (drill.kind, drill.step) != done)
    return replace(view, drills=left, drill_text="")


_HANDLERS: dict[str, Callable[[RunView, Event, Fields], RunView]] = {
    "run.spawned": spawned,
    "run.adopted": adopted,
    "container.seen": container_seen,
    "attempt.claimed": claimed,
    "phase.changed": _phase_changed,
    "gpu.found": _gpu_found,
    "host.sampled": host_sampled,
    "model.loaded": _model_loaded,
    "step.completed": _stepped,
    "checkpoint.saved": _saved,
    "checkpoint.loaded": loaded,
    "volume.committed": committed,
    "volume.commit_failed": commit_failed,
    "drain.started": draining,
    "command.received": command_received,
    "drill.announced": _drill_announced,
    "drill.executed": _drill_executed,
    "attempt.ended": attempt_ended,
    "retry.scheduled": retry_scheduled,
    "run.ended": run_ended,
    "evaluation.started": evaluation_started,
    "evaluation.progressed": evaluation_progressed,
    "evaluation.ended": evaluation_ended,
}
