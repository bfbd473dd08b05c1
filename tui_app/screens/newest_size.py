"""A screen that is laid out in the terminal's newest size alone."""

from __future__ import annotations

from typing import cast

from textual.events import Resize
from textual.screen import Screen


class NewestSize:
    """To be put before Textual's screen. Textual lays a screen out in the size that it is told, and tells it
    that size once more: two sizes under way at once would follow each other for ever."""

    def on_resize(self, event: Resize) -> None:
        """An older size is not passed on to Textual."""
        if event.size != cast("Screen[object]", self).app.size:
            event.prevent_default()
