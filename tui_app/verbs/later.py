"""Commands that are imported when they are asked for: one command need not wait for the code of all others.

group.commands = Later({"open": "tui_app.verbs.opening:open_"})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module

import click


class Later(MutableMapping[str, click.Command]):
    """A group's commands by name, each loaded once from ``module:attribute``."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._commands: dict[str, click.Command | str] = dict(places)

    def __getitem__(self, name: str) -> click.Command:
        found = self._commands[name]
        if isinstance(found, str):
            module, attribute = found.split(":")
            found = self._commands[name] = getattr(import_module(module), attribute)
            assert isinstance(found, click.Command), f"{module}:{attribute} is a command"
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)
