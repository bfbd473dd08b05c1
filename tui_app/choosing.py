"""Which target a command means: flag, environment, config file, the last one used, or the operator's word.

    choose_target(None, can_ask=True, say=print).value      # 'modal'

Whoever has a real Modal token and has never chosen is asked once on a terminal, so that the local cloud
is never taken for the real one; without a terminal it is said which was taken. The choice is remembered
in the state directory when it is made, and when a target is opened or acted on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click

from tui_app.config import Setting, load, modal_token_origin
from tui_app.locations import TARGETS, state_home

DEFAULT = "default"
_QUESTION = "a Modal token exists ({origin}). Which target do you mean?"


def choose_target(flag: str | None, *, can_ask: bool, say: Callable[[str], None]) -> Setting:
    """The target, asked for if it must be. SettingError for one that does not exist."""
    known = known_target(flag)
    origin = modal_token_origin() if known.origin == DEFAULT else None
    if origin is None:
        return known
    if not can_ask:
        say(f"target is {known.value}, because none was chosen; for the other: --target modal")
        return known
    say(_QUESTION.format(origin=origin))
    chosen = click.prompt("target", type=click.Choice(TARGETS), err=True)
    remember_target(chosen)
    return Setting(chosen, "your answer")


def known_target(flag: str | None) -> Setting:
    """The target without asking anybody. SettingError."""
    setting = load({"target": flag})["target"]
    if setting.origin != DEFAULT:
        return setting
    remembered = _remembered()
    return setting if remembered is None else Setting(remembered, f"last used, {_file()}")


def remember_target(target: str) -> None:
    """Keep it as the last one used. That it cannot be kept is no reason to fail."""
    if _remembered() == target:
        return
    part = _file().with_suffix(f".{os.getpid()}")
    try:
        _file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_text(target + "\n")
        part.replace(_file())
    except OSError:
        part.unlink(missing_ok=True)


def _remembered() -> str | None:
    try:
        word = _file().read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return word if word in TARGETS else None


def _file() -> Path:
    return state_home() / "last-target"
