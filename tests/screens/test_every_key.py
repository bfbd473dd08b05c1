"""Every key of every screen does its own thing: no key is swallowed, and no screen is left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Board, Open
from run_story import Journal
from test_snapshots import every_screen
from textual.binding import Binding
from textual.keys import _character_to_key
from textual.screen import Screen

from tui_app.app import Middlewatch

RUN = "sort-digits"
WAYS: dict[str, tuple[str, ...]] = {
    "RunScreen": (),
    "HomeScreen": ("escape",),
    "RolloutsScreen": ("o",),
    "AttemptsScreen": ("a",),
    "VolumeScreen": ("v",),
    "LogsScreen": ("l",),
    "HostScreen": ("H",),
    "EvalScreen": ("E",),
    "AuditScreen": ("A",),
    "AlertsScreen": ("exclamation_mark",),
    "DescribeScreen": ("d",),
    "CompareScreen": ("escape", "g", "space", "space", "equals_sign"),
    "HelpScreen": ("question_mark",),
    "ConfirmScreen": ("p",),
    "EvaluateScreen": ("E", "e"),
    "SpawnScreen": ("s",),
    "TooSmallScreen": (),
}
"""Which keys lead from the run to each screen."""


SKIPPED = {"scroll_up", "scroll_down", "page_up", "page_down"}
"""Textual's own actions of a screen that does not scroll: it goes on to ours."""


def own_bindings(screen: Screen[Any]) -> list[Binding]:
    """The keys that our own classes of this screen declare."""
    declared = {
        (key, binding.action)
        for kind in type(screen).__mro__
        if kind.__module__.startswith("tui_app.")
        for item in vars(kind).get("BINDINGS", ())
        for binding in Binding.make_bindings([item])
        for key in [binding.key]
    }
    every = [b for bindings in screen._bindings.key_to_bindings.values() for b in bindings]
    return [binding for binding in every if (binding.key, binding.action) in declared]


def test_every_screen_has_its_way_here() -> None:
    assert set(WAYS) == every_screen()


@pytest.mark.parametrize("screen", sorted(WAYS))
async def test_each_key_of_a_screen_reaches_its_action(
    journal: Journal, open_board: Open, monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    journal.story("base-line", ago=400).begin().steps(5).end("SUCCEEDED")
    journal.story(ago=30).begin().steps(27)
    async with open_board(RUN, size=(60, 20) if screen == "TooSmallScreen" else (80, 24)) as board:
        await board.until(lambda: len(board.app.desk.summaries) == 2)
        for key in WAYS[screen]:
            await board.press(key)
        await board.until(lambda: type(board.app.screen).__name__ == screen)
        missed = [key async for key in _not_reaching(board, monkeypatch)]
        assert not missed


async def _not_reaching(board: Board, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each key after which its action was not asked for, in place of being done."""
    asked: list[str] = []

    async def record(app: Middlewatch, action: str, *rest: Any, **named: Any) -> bool:
        asked.append(action)
        return action not in SKIPPED

    bindings = own_bindings(board.app.screen)
    assert bindings
    monkeypatch.setattr(Middlewatch, "run_action", record)
    for binding in bindings:
        asked.clear()
        await board.press(binding.key)
        if binding.action not in asked and not _typed(board, binding.key):
            yield f"{binding.key}: {binding.action}, asked was {asked}"


def _typed(board: Board, key: str) -> bool:
    """Whether the key is a letter and something is being typed."""
    focused = board.app.focused
    return len(key) == 1 and focused is not None and type(focused).__name__ == "Input"


def pressed_in_tests() -> set[str]:
    """The keys that the tests of the screens press, or are parametrised with."""
    found: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name != Path(__file__).name:
            found.update(_pressed(ast.parse(path.read_text())))
    return found | {_character_to_key(text) for text in found if len(text) == 1}


def _pressed(tree: ast.AST) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("press", "parametrize"):
            for argument in call.args:
                if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Constant):
                    yield from str(argument.value.value)  # press(*"25") is two keys
                else:
                    yield from _texts(argument)


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


async def test_what_each_action_does_is_tested_by_one_of_its_keys(journal: Journal, open_board: Open) -> None:
    from importlib import import_module
    from pkgutil import iter_modules

    import tui_app.screens

    keys: dict[str, set[str]] = {}
    for module in iter_modules(tui_app.screens.__path__, "tui_app.screens."):
        for kind in vars(import_module(module.name)).values():
            if isinstance(kind, type) and issubclass(kind, Screen) and kind.__module__ == module.name:
                for binding in Binding.make_bindings(vars(kind).get("BINDINGS", ())):
                    keys.setdefault(f"{kind.__name__} {binding.action}", set()).add(binding.key)
    pressed = pressed_in_tests()
    untested = sorted(action for action, some in keys.items() if not some & pressed)
    assert not untested
