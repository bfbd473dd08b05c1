"""A foreign call comes under supervision: it is adopted, and its containers are seen. Fold handlers.

What its trainer does not say stays unsaid: no phase, no retries, no place where an attempt began.
"""

from __future__ import annotations

import msgspec

from remote.vocabulary.events import Event
from tui_app.state import attempts
from tui_app.state.fields import Fields
from tui_app.state.levels import Level
from tui_app.state.view import AttemptView, RunView

replace = msgspec.structs.replace


def adopted(view: RunView, event: Event, fields: Fields) -> RunView:
    """Take in a ``run.adopted``; a later one can only raise the level. A run with records of its own
    is never adopted."""
    level = fields.word("level", Level)
    if level is None or level.has_records or (view.level is Level.OWN and view.generation):
        return view
    raised = Level.L1 if Level.L1 in (level, view.level) else level
    return replace(
        view,
        level=raised,
        generation=1,
        call_id=fields.text("call_id") or view.call_id,
        function=fields.text("function") or view.function,
    )


def container_seen(view: RunView, event: Event, fields: Fields) -> RunView:
    """Take in a ``container.seen``: one container of a foreign call is one attempt of it."""
    task = fields.text("task_id")

    def change(attempt: AttemptView) -> AttemptView:
        return replace(attempt, task_id=task)

    return attempts.update(view, event.attempt, event.t, change)
