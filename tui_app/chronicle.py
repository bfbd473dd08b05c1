"""Events as what the run screen says of them: the sentences of the event list, and the gaps between."""

from __future__ import annotations

from remote.vocabulary.events import Event
from tui_app.sentences import sentence
from tui_app.state.view import RunView
from tui_app.text_safety import shown
from tui_app.widgets.event_list import EventLine

_QUIET_TYPES = frozenset({"step.completed", "checkpoint.deleted", "drill.executed", "retry.scheduled"})
"""Too frequent for the log, or said by the event before."""
_QUIET_PHASES = frozenset({"STEPPING", "CHECKPOINTING", "COMMITTING", "DRAINING"})


def line_of(event: Event, view: RunView, step: int = 0) -> EventLine | None:
    """The sentence that an event is worth, None for what curves, panels or the next event say. ``step``
    is where the run stood, unless the event says it."""
    if event.type in _QUIET_TYPES or _is_routine(event):
        return None
    line = sentence(event, view)
    return (
        None
        if line is None
        else EventLine(event.t, event.attempt, line.mark, line.text, _step_in(event, step))
    )


def gap_before(event: Event, view: RunView, step: int = 0) -> EventLine | None:
    """That events before this one have not arrived, None if they have."""
    for gap in view.gaps:
        if gap.last + 1 == event.seq and gap.attempt == event.attempt and gap.source == event.source:
            which = f"event {gap.first}" if gap.first == gap.last else f"events {gap.first}–{gap.last}"
            text = f"gap: {which} of the {shown(gap.source, 40)} missing"
            return EventLine(event.t, event.attempt, "!!", text, step)
    return None


def _step_in(event: Event, step: int) -> int:
    """An evaluation that was asked for names the checkpoint's step, not the one at which the run is."""
    said = None if event.type.startswith("evaluation.") else event.data.get("step")
    return said if isinstance(said, int) and 0 <= said < 2**53 else step


def _is_routine(event: Event) -> bool:
    if event.type == "phase.changed":
        return str(event.data.get("phase")) in _QUIET_PHASES
    return event.type == "checkpoint.saved" and event.data.get("reason") == "interval"
