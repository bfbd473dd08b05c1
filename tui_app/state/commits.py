"""Recognised checkpoints in the view: what a kill now would go back to, and what was lost.

A commit counts when its record won a position in the run's commit log; the event says which. When
an attempt resumes below a step that was reported committed, without having been asked to, the steps
between are counted as lost, and the checkpoints above are no longer what the run goes back to.
"""

from __future__ import annotations

import msgspec

from remote.vocabulary.events import Event
from tui_app.state import attempts
from tui_app.state.fields import Fields
from tui_app.state.view import RECENT_COMMITS, CommitView, RunView

replace = msgspec.structs.replace


def committed(view: RunView, event: Event, fields: Fields) -> RunView:
    """Take in a ``volume.committed``."""
    step, position = fields.whole("step"), fields.whole("position")
    if step is None or position is None or event.attempt < 1:
        return view
    commit = CommitView(
        step=step,
        name=fields.text("name"),
        position=position,
        bytes=fields.whole("bytes") or 0,
        seconds=fields.real("seconds") or 0.0,
        tries=fields.whole("tries") or 1,
        t=event.t,
        attempt=event.attempt,
    )
    view = replace(view, commit_count=view.commit_count + 1)
    if attempts.is_newest(view, event.attempt):
        return replace(_insert(view, commit), commit_retry_at=None)
    return _late(view, commit)


def _late(view: RunView, commit: CommitView) -> RunView:
    """A commit of an attempt that has successors: they should have resumed from it or above."""
    successors = [a for a in view.attempts if a.number > commit.attempt and attempts.has_claimed(a)]
    lost = 0
    for attempt in successors:
        before = _highest(view, attempt.number)
        lost += max(0, max(before, commit.step) - attempt.resumed_from)
        lost -= max(0, before - attempt.resumed_from)
    view = replace(view, committed_lost=view.committed_lost + lost)
    given_up = any(attempt.resumed_from < commit.step for attempt in successors)
    return view if given_up else _insert(view, commit)


def resumed_at(view: RunView, number: int, step: int) -> RunView:
    """Attempt ``number`` starts from ``step``: count what it should not have lost."""
    lost = max(0, _highest(view, number) - step)
    kept = tuple(c for c in view.commits if c.attempt >= number or c.step <= step)
    return replace(view, commits=kept, committed_lost=view.committed_lost + lost)


def rewound(view: RunView, step: int) -> RunView:
    """The operator asked to go back to ``step``: checkpoints above it are given up on purpose."""
    return replace(view, commits=tuple(c for c in view.commits if c.step <= step))


def commit_failed(view: RunView, event: Event, fields: Fields) -> RunView:
    """Take in a ``volume.commit_failed``; it is tried again unless a later commit went through."""
    view = replace(view, commit_failures=view.commit_failures + 1)
    retry_in = fields.real("retry_in")
    overtaken = any(c.attempt == event.attempt and c.t >= event.t for c in view.commits)
    if retry_in is None or overtaken or not attempts.is_newest(view, event.attempt):
        return view
    return replace(view, commit_retry_at=max(view.commit_retry_at or 0.0, event.t + retry_in))


def loaded(view: RunView, event: Event, fields: Fields) -> RunView:
    """Take in a ``checkpoint.loaded``: it names a recognised checkpoint that may be older than the
    ones kept here. Not counted as a commit."""
    step, position = fields.whole("step"), fields.whole("position")
    known = any(c.position == position for c in view.commits)
    if step is None or not position or known or not attempts.is_newest(view, event.attempt):
        return view
    name = fields.text("name")
    commit = CommitView(
        step=step,
        name=name,
        position=position,
        bytes=0,
        seconds=0.0,
        tries=0,
        t=event.t,
        attempt=event.attempt,
    )
    return _insert(view, commit)


def _insert(view: RunView, commit: CommitView) -> RunView:
    others = [c for c in view.commits if c.position != commit.position]
    ordered = sorted([*others, commit], key=lambda c: c.position)
    return replace(view, commits=tuple(ordered[-RECENT_COMMITS:]))


def _highest(view: RunView, number: int) -> int:
    """The highest step that attempts before ``number`` reported committed."""
    return max((c.step for c in view.commits if c.attempt < number), default=0)
