"""The base of dialogs: their style sheet, and ASCII borders where the terminal has no others."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import ModalScreen

from styles import sheet
from tui_app.screens.newest_size import NewestSize
from tui_app.widgets.lines import ASCII_CLASS

Answer = TypeVar("Answer")


class Dialog(NewestSize, ModalScreen[Answer]):
    """A screen over the others that is closed with an answer."""

    CSS_PATH = sheet("dialog")

    def on_mount(self) -> None:
        """Know what the terminal can show."""
        self.set_class(self.app.has_class(ASCII_CLASS), ASCII_CLASS)
