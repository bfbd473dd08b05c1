"""How the operator left the dashboard, for the next time: which chart, its scale, the order of the runs, what
becomes of long lines.

    layout = load(folder)                 # as by default where nothing, or nothing usable, is kept
    save(folder, replace(layout, log=True))

A small private file beside the journal. A look, never a fact: losing it loses nothing.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

FILE = "layout.json"


class Layout(msgspec.Struct, frozen=True):
    """``metric`` is the number of the large chart, ``sorting`` a word of the home table's; what is wrapped is
    not cut."""

    metric: int = 0
    log: bool = False
    smooth: bool = False
    sorting: str = ""
    wrap_events: bool = False
    wrap_logs: bool = False


def load(folder: Path) -> Layout:
    """What was kept last."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Layout)
    except (OSError, msgspec.MsgspecError):
        return Layout()


def save(folder: Path, layout: Layout) -> None:
    """Keep it. That it cannot be kept is no reason to fail."""
    part = folder / f".{FILE}.{os.getpid()}"
    with contextlib.suppress(OSError):
        part.write_bytes(msgspec.json.encode(layout))
        part.replace(folder / FILE)
