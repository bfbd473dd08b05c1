"""A run described: every fact that is known, every field of its config, and the command that spawns another
of its kind. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tui_app.render.formats import NOT_REPORTED, plural
from tui_app.render.spans import Line, beside
from tui_app.run_fields import DRILLS, FIELDS, differing, initial, recorded, spawned_again
from tui_app.state.levels import Level
from tui_app.state.view import RunView
from tui_app.text_safety import shown
from tui_app.widgets.long_lines import wrapped_line

LONGEST_VALUE = 400
MOST_FIELDS = 100
WIDE_CELLS = 110
"""From here on the config stands beside the facts."""
GAP_CELLS = 2


def described(
    facts: Sequence[tuple[str, str]], view: RunView, twin: Callable[[str], str], cells: int
) -> list[Line]:
    """Rows of at most ``cells`` cells: nothing is cut, long values go on below where they begin. ``twin``
    makes a command one for this target."""
    wide = cells >= WIDE_CELLS
    half = (cells - GAP_CELLS) // 2 if wide else cells
    left = _named([(name, [(text, "text")]) for name, text in facts], half)
    ours = view.level is Level.OWN and bool(view.config)
    right = _fields(view.config, half) if ours else _as_told(view.config, half)
    rows = beside(left, right, half, GAP_CELLS) if wide else [*left, [], *right]
    if not ours:
        return rows
    command: Line = [(twin(spawned_again(view.config)), "accent")]
    heading: Line = [(" another of its kind", "strong")]
    return [*rows, [], heading, *wrapped_line([(" ", "text")], command, cells)]


def _fields(config: Mapping[str, Any], cells: int) -> list[Line]:
    values, defaults = recorded(config), initial(())
    other = {field.id for field in differing(values)}
    rows: list[tuple[str, Line]] = []
    for field in FIELDS.values():
        if field.id == "run" or (field.id in DRILLS and not values[field.id]):
            continue
        value = shown(values[field.id], LONGEST_VALUE) or "none"
        line: Line = [(value, "strong" if field.id in other else "text")]
        if field.id in other and field.id not in DRILLS:
            line.append((f"  instead of {defaults[field.id] or 'none'}", "quiet"))
        rows.append((field.label, line))
    unlike = f"{plural(len(other), 'field')} not as by default" if other else "as by default"
    return [[(" config ", "strong"), (unlike, "quiet")], *_named(rows, cells)]


def _as_told(config: Mapping[str, Any], cells: int) -> list[Line]:
    """The config of a trainer that is not ours, whatever it holds."""
    told = sorted(config.items())[:MOST_FIELDS]
    rows: list[tuple[str, Line]] = [
        (shown(name, 40), [(shown(value, LONGEST_VALUE), "text")]) for name, value in told
    ]
    return [[(" config ", "strong"), ("as told" if told else NOT_REPORTED, "quiet")], *_named(rows, cells)]


def _named(rows: Sequence[tuple[str, Line]], cells: int) -> list[Line]:
    width = max((len(name) for name, _ in rows), default=0)
    return [
        line for name, text in rows for line in wrapped_line([(f" {name:<{width}}  ", "quiet")], text, cells)
    ]
