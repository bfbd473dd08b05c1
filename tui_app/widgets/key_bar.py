"""The last line: which keys do what. A key that would be refused now is dimmed and in brackets."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tui_app.render.spans import Line
from tui_app.render.spans import width as width_of
from tui_app.widgets.lines import LineWidget


class Key(msgspec.Struct, frozen=True):
    """A key and its verb; ``possible`` is whether it would be accepted at this moment."""

    key: str
    label: str
    possible: bool = True
    chosen: bool = False
    """Whether this is where the operator is."""
    note: str = ""
    """More words, where there is room for all keys with theirs."""


class KeyBar(LineWidget):
    """All keys on one line; their notes where there is room."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: tuple[Key, ...] = ()

    def show(self, keys: Sequence[Key]) -> None:
        """Show these keys."""
        self._keys = tuple(keys)
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """One line."""
        long: Line = [(" ", "text"), *(span for key in self._keys for span in _entry(key, key.note))]
        if width_of(long) <= width:
            return [long]
        return [[(" ", "text"), *(span for key in self._keys for span in _entry(key, ""))]]


def _entry(key: Key, note: str) -> Line:
    if key.chosen:
        return [(f"▸{key.key} {key.label}", "strong+cursor"), ("  ", "text")]
    if key.possible:
        return [(key.key, "key"), (f" {key.label}{note}  ", "quiet")]
    return [(f"{key.key}({key.label})  ", "off")]
