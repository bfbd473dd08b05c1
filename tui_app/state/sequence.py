"""Which events were seen, which are missing: dense numbering per attempt and source.

A repeat is recognised, a hole is recorded as a `Gap`, and an event that arrives late closes (or
splits) its hole. Knows nothing of what events mean.
"""

from __future__ import annotations

import msgspec

from remote.vocabulary.events import Event
from tui_app.state.view import Gap, RunView

MAX_GAPS = 256


def admit(view: RunView, event: Event) -> RunView | None:
    """The view with this event's number taken in, or None where it was seen before.

    More than MAX_GAPS holes are not kept apart: the oldest are joined to nothing and forgotten, so
    a late event of such a hole counts as a repeat.
    """
    if event.seq < 1 or event.attempt < 0:
        return None
    key = f"{event.attempt}/{event.source}"
    highest = view.seen.get(key, 0)
    if event.seq > highest:
        gaps = view.gaps
        if event.seq > highest + 1:
            hole = Gap(attempt=event.attempt, source=event.source, first=highest + 1, last=event.seq - 1)
            gaps = (*gaps, hole)[-MAX_GAPS:]
        return msgspec.structs.replace(view, seen={**view.seen, key: event.seq}, gaps=gaps)
    for index, gap in enumerate(view.gaps):
        if _covers(gap, event):
            closed = (*view.gaps[:index], *_without(gap, event.seq), *view.gaps[index + 1 :])
            return msgspec.structs.replace(view, gaps=closed)
    return None


def _covers(gap: Gap, event: Event) -> bool:
    same = gap.attempt == event.attempt and gap.source == event.source
    return same and gap.first <= event.seq <= gap.last


def _without(gap: Gap, seq: int) -> list[Gap]:
    parts = ((gap.first, seq - 1), (seq + 1, gap.last))
    return [msgspec.structs.replace(gap, first=a, last=b) for a, b in parts if a <= b]
