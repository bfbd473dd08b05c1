"""The first lines of a run in a given number of rows, each group of words in its place. Pure.

in_rows(sight, notes, 79, 3)    # what words.header says, in exactly three rows of at most 79 cells
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui_app.render.spans import Line, crop, flow, joined, width
from tui_app.widgets.sight import Sight
from tui_app.widgets.words import MOST_NAME, at_risk, brief_gpus, commit, counters, headline, known

SHORTEST_NAME, GAP = 12, 3


def quiet(cells: int) -> Line:
    """That no alert is loud."""
    return []


def in_rows(
    sight: Sight, notes: Sequence[str], cells: int, rows: int, alert: Callable[[int], Line] = quiet
) -> list[Line]:
    """The header with ``notes`` (words such as PAUSED) in exactly ``rows`` rows (2 or 3) of at most
    ``cells`` cells. Which group stands in which row depends on nothing that changes by itself, so that no
    word jumps when an age becomes longer; what does not fit is cut at the right, a run's name first. What
    ``alert`` says in so many cells takes the place of the counters, and leaves them what room there is."""
    view = sight.view
    fresh, told = known(sight), [[(note, "warn-strong")] for note in notes]
    safe, gpu = commit(sight, brief=bool(notes)), brief_gpus(view)
    before = [safe] if rows == 2 else []
    loud = alert(cells - (width(safe) + GAP if before else 0))
    counted = [at_risk(view), counters(view)]
    last = flow([*before, loud, *counted], cells)[0] if loud else joined([*before, *counted], cells)
    if rows == 2:
        return [_titled(sight, [*fresh, *told, *([] if notes else [gpu])], cells), last]
    return [_titled(sight, [], cells), joined([*told, *fresh, safe, gpu], cells), last]


def _titled(sight: Sight, groups: Sequence[Line], cells: int) -> Line:
    """The headline with these groups; the run's name gives way where they do not fit."""
    title = headline(sight)
    over = width(joined([title, *groups], 1000)) - cells
    room = len(sight.view.run) - over if over > 0 else MOST_NAME
    rest = joined(groups, cells)
    cropped = crop(headline(sight, max(SHORTEST_NAME, room)), max(cells // 2, cells - width(rest) - GAP))
    return joined([cropped, *([rest] if rest else [])], cells)
