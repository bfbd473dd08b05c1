"""What one line of the home table says of a run: columns as pure functions of a `Sight`.

columns = chosen(120)                  # all of them, with words; fewer words below 120 cells
widths = fitted(columns, rows, 119, 2) # the run's name and the sparkline take what is left
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from rich.cells import cell_len

from remote.vocabulary.run_states import Freshness
from tui_app.render.formats import compact, metric, short_age, short_ago
from tui_app.render.spans import Span
from tui_app.state.levels import reported
from tui_app.text_safety import plain
from tui_app.widgets.sight import Sight
from tui_app.widgets.words import FRESHNESS_ROLES, STATE_ROLES, steps_of

WIDE = 120
UNSAID = "n/r"
"""Not reported, where there is no room for the words."""
SPARK = "spark"
"""Stands for the reward sparkline, which is drawn when its width is known."""


READABLE = 4
"""Cells of a sparkline from which something can be seen."""


class Column(msgspec.Struct, frozen=True):
    """``cell`` gives text and role; ``least`` cells even where less would do; numbers stand right."""

    label: str
    cell: Callable[[Sight], Span]
    right: bool = True
    least: int = 0


def _run(sight: Sight) -> Span:
    return plain(sight.view.run, 48), "strong"


def _state(sight: Sight) -> Span:
    return str(sight.view.state), STATE_ROLES[sight.view.state] + "-strong"


def _seen(sight: Sight) -> Span:
    kind = sight.freshness
    if kind is None:
        ended = sight.since(sight.view.state_since)
        return ("" if ended is None else short_age(ended)), "quiet"
    word = "NO LINK" if kind is Freshness.UNREACHABLE else str(kind)
    return word, FRESHNESS_ROLES[kind]


def _seen_wide(sight: Sight) -> Span:
    kind, heard = sight.freshness, sight.heard_at
    if kind is None:
        ended = sight.since(sight.view.state_since)
        return ("" if ended is None else f"ended {short_age(ended)}"), "quiet"
    untold = heard is None or kind in (Freshness.UNREACHABLE, Freshness.LIVE)
    return f"{kind}{'' if untold else f' {short_ago(heard or 0.0, sight.now)}'}", FRESHNESS_ROLES[kind]


def _attempt(sight: Sight) -> Span:
    attempt = sight.view.attempt
    return (str(attempt.number) if attempt is not None else "–"), "text"


def _step(sight: Sight) -> Span:
    return steps_of(sight.view), "text"


def _reward(sight: Sight) -> Span:
    return metric(sight.view.metrics.get("reward/mean")), "strong"


def _spark(sight: Sight) -> Span:
    return SPARK, "spark"


def _loss(sight: Sight) -> Span:
    return metric(sight.view.metrics.get("loss")), "text"


def _speed(sight: Sight) -> Span:
    return compact(sight.view.tokens_per_second), "text"


def _gpu(sight: Sight) -> Span:
    view = sight.view
    asked = "?" if view.gpu_requested_count is None else str(view.gpu_requested_count)
    there = "?" if view.gpu_count is None else str(view.gpu_count)
    return f"{there}/{asked}", "text"


def _commit(sight: Sight) -> Span:
    newest, failing = sight.view.committed, sight.view.commit_retry_at is not None
    if newest is None:
        nothing = "–" if reported(sight.view).commits is not None else UNSAID
        return ("FAIL" if failing else nothing), ("bad" if failing else "quiet")
    return f"{newest.step}" + ("!" if failing else ""), ("bad" if failing else "text")


def _commit_wide(sight: Sight) -> Span:
    text, role = _commit(sight)
    newest = sight.view.committed
    return (text if newest is None else f"{text} · {short_ago(newest.t, sight.now)}"), role


def _uncommitted(sight: Sight) -> Span:
    return _told(reported(sight.view).uncommitted), "text"


def _retries(sight: Sight) -> Span:
    used = reported(sight.view).retries_used
    limit = "?" if sight.view.max_retries is None else str(sight.view.max_retries)
    return (UNSAID if used is None else f"{used}/{limit}"), "warn" if used else "text"


def _preemptions(sight: Sight) -> Span:
    count = reported(sight.view).preemptions
    return _told(count), "warn" if count else "text"


def _told(count: int | None) -> str:
    return UNSAID if count is None else str(count)


NARROW_COLUMNS = (
    Column("RUN", _run, right=False, least=8),
    Column("STATE", _state, right=False, least=7),
    Column("SEEN", _seen, right=False),
    Column("STEP", _step),
    Column("REWARD", _spark, right=False),
    Column("LOSS", _loss, least=5),
    Column("TOK/S", _speed),
    Column("GPU", _gpu),
    Column("CKPT", _commit),
    Column("+", _uncommitted, least=2),
    Column("ATT", _attempt),
    Column("RTY", _retries, least=3),
    Column("PRE", _preemptions),
)
WIDE_COLUMNS = (
    Column("RUN", _run, right=False, least=12),
    Column("STATE", _state, right=False, least=10),
    Column("SEEN", _seen_wide, right=False, least=9),
    Column("STEP", _step),
    Column("REWARD", _reward),
    Column("", _spark, right=False, least=8),
    Column("LOSS", _loss, least=6),
    Column("TOK/S", _speed),
    Column("GPU", _gpu),
    Column("COMMIT · AGE", _commit_wide),
    Column("UNC", _uncommitted),
    Column("ATT", _attempt),
    Column("RETRY", _retries),
    Column("PRE", _preemptions),
)


def chosen(cells: int) -> Sequence[Column]:
    """The columns for a table this wide."""
    return WIDE_COLUMNS if cells >= WIDE else NARROW_COLUMNS


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[Span]], cells: int, between: int) -> list[int]:
    """A width for each column of a table of ``cells``, with ``between`` blanks between columns.

    Each is as wide as what it holds. The sparkline takes what is left; where that is less than
    nothing, it is shortened as far as it can still be read, then the name is cut, then the sparkline goes.
    """
    widths = []
    for index, column in enumerate(columns):
        held = [cell_len(row[index][0]) for row in rows if row[index][0] != SPARK]
        widths.append(max([cell_len(column.label), column.least, *held]))
    spark = next(i for i, column in enumerate(columns) if column.cell is _spark)
    left = cells - sum(widths) - (len(columns) - 1) * between
    if left >= 0:
        widths[spark] += min(left, 24)
        return widths
    readable = max(READABLE, cell_len(columns[spark].label))
    for index, least in ((spark, readable), (0, columns[0].least), (spark, 0)):
        given = max(0, min(-left, widths[index] - least))
        widths[index] -= given
        left += given
    return widths


def gap(cells: int) -> int:
    """Blank cells between columns."""
    return 2 if cells >= WIDE else 1
