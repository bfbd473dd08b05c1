"""The machine under a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tui_app.lookup import Topic
from tui_app.screens.tab import TabScreen
from tui_app.widgets.host_page import HEAD, KEPT, NOTHING, host_age, host_rows
from tui_app.widgets.records import HostSample, Record
from tui_app.widgets.sight import Sight, nothing_yet


class HostScreen(TabScreen):
    """Processor, memory, disk and GPUs."""

    tab_id = "host"
    topic = Topic.HOST

    def __init__(self, run: str | None) -> None:
        super().__init__(run)
        self._samples: deque[HostSample] = deque(maxlen=KEPT)

    def begin(self) -> None:
        """Forget every sample."""
        self._samples.clear()

    def add(self, records: Sequence[Record]) -> None:
        """Keep the newest."""
        self._samples.extend(record for record in records if isinstance(record, HostSample))

    def write(self, sight: Sight | None, now: float) -> None:
        """A line a figure."""
        samples, page = list(self._samples), self.page
        title = [("host ", "strong"), (host_age(samples, now), "text")]
        rows = host_rows(samples, page.size.width, nothing_yet(sight, NOTHING), ascii_art=page.ascii_art)
        page.write(title, rows, fixed=[HEAD], right=[(self.twin, "quiet")])
