"""The base of dialogs: their style sheet, and ASCII borders where the terminal has no others."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

from styles import sheet
from tui_app.screens.newest_size import NewestSize
from tui_app.widgets.lines import ASCII_CLASS

Answer = TypeVar("Answer")


class Dialog(NewestSize, ModalScreen[Answer]):
    """A screen over the others that is closed with an answer."""

    CSS_PATH = sheet("dialog")
    _answer: tuple[Answer | None] | None = None

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        """Close with an answer. One that is given while another screen lies above, as where the terminal has
        just become too small, waits for that to go: Textual closes whatever is on top."""
        if self.app.screen is self:
            return super().dismiss(result)
        self._answer = (result,)
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        """Give the answer that had to wait."""
        if self._answer is not None:
            (answer,), self._answer = self._answer, None
            self.call_later(self._give, answer)

    def _give(self, answer: Answer | None) -> None:
        self.dismiss(answer)

    def on_mount(self) -> None:
        """Know what the terminal can show."""
        self.set_class(self.app.has_class(ASCII_CLASS), ASCII_CLASS)
