"""The evaluation that somebody last asked for, as the watcher's events tell it.

    view.evaluation.running, view.evaluation.done, view.evaluation.failed

Not the trainer's own evaluations, which are points of its curve: this one is fanned out over containers
of its own, touches no attempt, and may fail in part. Later words about an older one change nothing.
Pure; times are unix seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from remote.vocabulary.events import Event
from tui_app.state.fields import Fields

if TYPE_CHECKING:
    from tui_app.state.view import RunView

replace = msgspec.structs.replace
TYPES = ("evaluation.started", "evaluation.slice_failed", "evaluation.progressed", "evaluation.ended")
"""Every type of event that tells of one."""


class EvaluationView(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation. ``done`` and ``failed`` count slices, ``scored`` prompts; ``outcome`` is done,
    partial, failed or cancelled, and empty while it runs."""

    id: str
    step: int
    name: str = ""
    prompts: int = 0
    slices: int = 0
    gpu: str = ""
    started_at: float
    done: int = 0
    failed: int = 0
    scored: int = 0
    ended_at: float | None = None
    seconds: float | None = None
    outcome: str = ""
    metrics: dict[str, float] = {}

    @property
    def running(self) -> bool:
        """Whether slices are still to be heard of."""
        return not self.outcome


def evaluation_started(view: RunView, event: Event, fields: Fields) -> RunView:
    """It is the newest one from now on."""
    id_, step, known = fields.text("id"), fields.whole("step"), view.evaluation
    if not id_ or step is None or (known is not None and known.started_at > event.t):
        return view
    evaluation = EvaluationView(
        id=id_,
        step=step,
        name=fields.text("name"),
        prompts=fields.whole("prompts") or 0,
        slices=fields.whole("slices") or 0,
        gpu=fields.text("gpu"),
        started_at=event.t,
    )
    return replace(view, evaluation=evaluation)


def evaluation_progressed(view: RunView, event: Event, fields: Fields) -> RunView:
    """So many slices have been heard of; their number only grows."""
    known = view.evaluation
    if known is None or known.id != fields.text("id") or not known.running:
        return view
    return replace(view, evaluation=_counted(known, fields))


def evaluation_ended(view: RunView, event: Event, fields: Fields) -> RunView:
    """Its result stands."""
    known, outcome = view.evaluation, fields.text("outcome")
    if known is None or known.id != fields.text("id") or not known.running or not outcome:
        return view
    ended = replace(
        _counted(known, fields),
        ended_at=event.t,
        seconds=fields.real("seconds"),
        outcome=outcome,
        metrics=fields.metrics(),
    )
    return replace(view, evaluation=ended)


def _counted(known: EvaluationView, fields: Fields) -> EvaluationView:
    return replace(
        known,
        done=max(known.done, fields.whole("done") or 0),
        failed=max(known.failed, fields.whole("failed") or 0),
        scored=max(known.scored, fields.whole("scored") or 0),
    )
