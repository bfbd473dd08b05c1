"""The last line: which keys do what. A key that would be refused now is dimmed and in brackets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    spare: bool = False
    """Whether it gives way where there is no room for all keys, and it is not where the operator is."""


class KeyBar(LineWidget):
    """All keys on one line; their notes, and those that are spare, where there is room."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: tuple[Key, ...] = ()

    def show(self, keys: Sequence[Key]) -> None:
        """Show these keys."""
        self._keys = tuple(keys)
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """One line."""
        noted = _line(self._keys, noted=True)
        if width_of(noted) <= width:
            return [noted]
        keys = list(self._keys)
        while width_of(line := _line(keys)) > width and (spare := _spare(keys)) is not None:
            keys.remove(spare)
        return [line]


def _line(keys: Iterable[Key], *, noted: bool = False) -> Line:
    return [(" ", "text"), *(span for key in keys for span in _entry(key, key.note if noted else ""))]


def _spare(keys: Sequence[Key]) -> Key | None:
    """The one that gives way next: for the sake of a spare one that is chosen, the one before it."""
    if keys and keys[-1].spare and keys[-1].chosen:
        return keys[-2] if len(keys) > 1 else None
    return next((key for key in reversed(keys) if key.spare), None)


def _entry(key: Key, note: str) -> Line:
    if key.chosen:
        return [(f"▸{key.key} {key.label}", "strong+cursor"), ("  ", "text")]
    if key.possible:
        return [(key.key, "key"), (f" {key.label}{note}  ", "quiet")]
    return [(f"{key.key}({key.label})  ", "off")]
