"""The attempts of a run as a tuple, oldest first: find, change, count the steps done twice.

Pure helpers of the fold; they know AttemptView and nothing of events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from remote.vocabulary.run_states import AttemptPhase
from tui_app.state.view import AttemptView, PhaseSpan, RunView

MAX_ATTEMPTS = 200
FIRST_PHASES, LAST_PHASES = 4, 12
"""Spans kept of an attempt: its boot, and the newest."""

Change = Callable[[AttemptView], AttemptView]


def find(view: RunView, number: int) -> AttemptView | None:
    """The attempt of this number, if it is known."""
    for attempt in reversed(view.attempts):
        if attempt.number == number:
            return attempt
    return None


def is_newest(view: RunView, number: int) -> bool:
    """Whether no later attempt is known."""
    return not view.attempts or number >= view.attempts[-1].number


def has_claimed(attempt: AttemptView) -> bool:
    """Whether its claim has arrived, which says where it resumed from."""
    return any(span.phase is AttemptPhase.CLAIMED for span in attempt.phases[: FIRST_PHASES + 1])


def update(view: RunView, number: int, t: float, change: Change, *, generation: int | None = None) -> RunView:
    """The view with one attempt changed, made first if its claim has not arrived. Attempts count
    from 1; any other number leaves the view as it is. Keeps the newest MAX_ATTEMPTS."""
    if number < 1:
        return view
    known = find(view, number)
    start = known or AttemptView(
        number=number, claimed_at=t, generation=generation or _likely_generation(view, number)
    )
    changed = change(msgspec.structs.replace(start, claimed_at=min(start.claimed_at, t)))
    if changed == known:
        return view
    others = [attempt for attempt in view.attempts if attempt.number != number]
    attempts = count_redone(sorted([*others, changed], key=lambda attempt: attempt.number))
    redone = view.steps_redone + _redone(attempts) - _redone(view.attempts)
    return msgspec.structs.replace(view, attempts=attempts[-MAX_ATTEMPTS:], steps_redone=redone)


def count_redone(attempts: Iterable[AttemptView]) -> tuple[AttemptView, ...]:
    """The same attempts with ``steps_redone``: the steps that an earlier attempt had done before."""
    counted: list[AttemptView] = []
    highest = 0
    for attempt in attempts:
        redone = max(0, min(attempt.last_step, highest) - attempt.resumed_from)
        if attempt.first_step is None:
            redone = 0
        if redone != attempt.steps_redone:
            attempt = msgspec.structs.replace(attempt, steps_redone=redone)
        counted.append(attempt)
        highest = max(highest, attempt.last_step)
    return tuple(counted)


def with_phase(attempt: AttemptView, phase: AttemptPhase, t: float) -> AttemptView:
    """The attempt with one span more, in order of time; the middle of a long list is dropped."""
    span = PhaseSpan(phase=phase, t=t)
    if span in attempt.phases:
        return attempt
    spans = tuple(sorted((*attempt.phases, span), key=lambda each: (each.t, _RANK[each.phase])))
    if len(spans) > FIRST_PHASES + LAST_PHASES:
        spans = spans[:FIRST_PHASES] + spans[-LAST_PHASES:]
    return msgspec.structs.replace(attempt, phases=spans)


def _likely_generation(view: RunView, number: int) -> int:
    """Before its claim tells: that of the attempt before it, or the run's."""
    later = [attempt.generation for attempt in view.attempts if attempt.number > number]
    return min([*later, max(1, view.generation)])


def _redone(attempts: Iterable[AttemptView]) -> int:
    return sum(attempt.steps_redone for attempt in attempts)


_RANK = {phase: rank for rank, phase in enumerate(AttemptPhase)}
