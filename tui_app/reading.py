"""What the feed reads and how far it has come: the run that is wanted, the place in it, the file."""

from __future__ import annotations

from pathlib import Path

from tui_app.journal.reader import JournalReader
from tui_app.state.view import RunView


class WantedRun:
    """A run that was asked for; the same one asked for again is another wish, and is read from its start."""

    def __init__(self, run: str | None) -> None:
        self.run = run


class Position:
    """How far what is wanted has been handed over: its last row, and the step at which that was said."""

    def __init__(self, wanted: WantedRun) -> None:
        self.wanted, self.run = wanted, wanted.run
        self.row = self.step = 0
        self.begun = False


def identity_of(path: Path) -> tuple[int, int] | None:
    """What no other file has while this one is open; None if there is none of this name."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino


def view_in(reader: JournalReader, run: str) -> RunView:
    """The run as recorded, or as it is before anything is."""
    summary = reader.view(run)
    return summary.view if summary is not None else RunView(run=run)
