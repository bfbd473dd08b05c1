"""Who did what: every deed with who asked, from where, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from tui_app.render.spans import Line, fit, wrap
from tui_app.widgets.records import Deed

COLUMNS = (("when", 15), ("who", 18), ("asked for", 12), ("run", 17), ("outcome", 9))
HEAD: Line = [(" " + "".join(f"{name:<{cells}}" for name, cells in COLUMNS), "quiet")]
ROLES = {
    "done": "good",
    "sent": "info",
    "waiting": "warn",
    "refused": "warn",
    "failed": "bad",
    "expired": "warn",
}


def audit_rows(deeds: Collection[Deed], cells: int) -> list[Line]:
    """Newest first; the sentence that answered each below it."""
    rows: list[Line] = []
    for deed in sorted(deeds, key=lambda deed: deed.t, reverse=True):
        when = datetime.fromtimestamp(deed.t).strftime("%m-%d %H:%M:%S")
        values = (when, f"{deed.by}@{deed.host}", deed.verb, deed.run, deed.outcome)
        line: Line = [(" ", "text")]
        for value, (name, width) in zip(values, COLUMNS, strict=True):
            role = {"when": "quiet", "outcome": ROLES.get(deed.outcome, "warn")}.get(name, "text")
            line += [*fit([(value, role)], width - 1), (" ", "text")]
        rows.append([*line, ("from the run's log" if deed.shared else "", "quiet")])
        for piece in wrap(deed.detail, cells - 18):
            rows.append([(" " * 16, "text"), (piece, "quiet")])
    return rows or [[("  nobody has asked for anything yet", "quiet")]]
