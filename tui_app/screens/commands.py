"""What the palette offers on a screen: all that its keys do, by name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from textual.app import SystemCommand
from textual.command import CommandPalette

from tui_app.actions import ACTIONS
from tui_app.screens.desk_screen import DeskScreen
from tui_app.screens.tabs import TABS


class Palette(CommandPalette):
    """Textual's, which breaks where its list is paged before it was laid out."""

    def _action_command_list(self, action: str) -> None:
        with contextlib.suppress(KeyError):
            super()._action_command_list(action)


def commands(desk: DeskScreen) -> Iterator[SystemCommand]:
    """From the same table as the keys."""
    for action in (action for action in ACTIONS.values() if action.verb is not None):
        key = f"{action.key}, on {action.tab}" if action.tab else action.key
        yield SystemCommand(f"{action.label} ({key})", action.help, lambda a=action: desk.action_ask(a.id))
    for tab in TABS:
        yield SystemCommand(f"tab {tab.label} ({tab.key})", tab.help, lambda t=tab: desk.action_tab(t.id))
    yield SystemCommand("arm, disarm (W)", "whether keys act on MODAL", desk.action_arm)
    yield SystemCommand("help (?)", "every key, and what it would do now", desk.action_help)
    if (back := getattr(desk, "action_back", None)) is not None:
        yield SystemCommand("back (esc)", "to the screen before", back)
    yield SystemCommand("quit (q)", ACTIONS["quit"].help, desk.action_leave)
