"""A verb's code is loaded when it is asked for, and every verb can be."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from tui_app.cli import _CODES, COMPLETION_VARIABLE, cli
from tui_app.verbs import completing


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_verb_is_where_the_table_says_and_has_its_name(name: str) -> None:
    command = cli.commands[name]
    assert isinstance(command, click.Command)
    assert command.name == name
    assert cli.commands.get(name) is command


def test_an_unknown_verb_is_none() -> None:
    assert cli.commands.get("fly") is None
    with pytest.raises(KeyError):
        cli.commands["fly"]


def test_one_verb_does_not_load_the_others_and_all_together_load_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from tui_app.cli import cli\n"
        "cli.commands['open']\n"
        "assert 'tui_app.verbs.spawning' not in sys.modules\n"
        "list(cli.commands.values())\n"
        "assert 'tui_app.verbs.spawning' in sys.modules\n"
        "heavy = {'modal', 'torch', 'transformers', 'wandb', 'numpy', 'grpclib', 'textual'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("dotted", _CODES)
def test_every_error_with_an_exit_status_exists(dotted: str) -> None:
    module, name = dotted.rsplit(".", 1)
    error = getattr(__import__(module, fromlist=[name]), name)
    assert f"{error.__module__}.{error.__qualname__}" == dotted


def test_completion_is_asked_for_by_the_same_variable() -> None:
    assert completing.VARIABLE == COMPLETION_VARIABLE
