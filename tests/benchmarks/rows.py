"""One line of the result: our figure, the peer's, and the budget that the design gives us."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, kw_only=True)
class Row:
    """``ratio`` is the better figure's advantage or ours of the peer's, as ``budget`` words it; ``ok`` is
    whether the budget is kept, None where that cannot be said (``note`` says why)."""

    name: str
    ours: float | None
    unit: str
    peer: float | None = None
    ratio: float | None = None
    budget: str = ""
    ok: bool | None = None
    note: str = ""


def keep(rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Put these rows in the place of their namesakes, with the time and the commit."""
    stored: dict[str, dict[str, Any]] = {row["name"]: row for row in _read(path)}
    about = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "commit": _commit()}
    stored |= {row.name: asdict(row) | about for row in rows}
    path.write_text(json.dumps([stored[name] for name in sorted(stored)], indent=1) + "\n")


def table(rows: Iterable[Row]) -> str:
    """The rows for a person."""
    head = ("benchmark", "ours", "peer", "unit", "ratio", "budget", "", "note")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    numbers = ["–" if value is None else f"{value:.4g}" for value in (row.ours, row.peer, row.ratio)]
    mark = {True: "ok", False: "over", None: "?"}[row.ok] if row.budget else ""
    return (row.name, numbers[0], numbers[1], row.unit, numbers[2], row.budget, mark, row.note)


def _read(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())) if path.exists() else []


def _commit() -> str:
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=RESULTS.parent, capture_output=True, text=True
    )
    return result.stdout.strip()
