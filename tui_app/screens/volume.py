"""Every checkpoint of a run and what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.lookup import Topic
from tui_app.render.formats import plural
from tui_app.screens.tab import TabScreen
from tui_app.widgets.records import CheckpointNews, Record
from tui_app.widgets.sight import Sight, nothing_yet
from tui_app.widgets.volume_page import Checkpoints, checkpoint_rows, summary_lines


class VolumeScreen(TabScreen):
    """Checkpoints, newest first, under what commits took."""

    tab_id = "volume"
    topic = Topic.VOLUME

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._book = Checkpoints()

    def begin(self) -> None:
        """Begin a new book."""
        self._book = Checkpoints()

    def add(self, records: Sequence[Record]) -> None:
        """Write it down."""
        for record in records:
            if isinstance(record, CheckpointNews):
                self._book.add(record)

    def write(self, sight: Sight | None, now: float) -> None:
        """Summary and lines."""
        if sight is None:
            return
        page = self.page
        fixed = summary_lines(self._book, sight, page.size.width, ascii_art=page.ascii_art)
        count = plural(len(self._book.known), "checkpoint")
        count = count if self._book.known else nothing_yet(sight, count)
        rows = checkpoint_rows(self._book, sight)
        page.write([("volume ", "strong"), (count, "text")], rows, fixed=fixed, right=[(self.twin, "quiet")])
