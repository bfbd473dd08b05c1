"""completion: the script with which a shell completes commands, options and the names of runs."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from tui_app.exit_codes import CommandError, ExitCode
from tui_app.text_safety import shown
from tui_app.verbs.common import echo

PROGRAM = "middlewatch"
VARIABLE = "_MIDDLEWATCH_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", metavar="|".join(SHELLS))
def completion(shell: str) -> ExitCode:
    """Print the script; for bash: eval "$(middlewatch completion bash)"."""
    found = get_completion_class(shell) if shell in SHELLS else None
    if found is None:
        raise CommandError(f"shell is {shown(shell, 40)!r}; allowed is {', '.join(SHELLS)}", ExitCode.USAGE)
    root = click.get_current_context().find_root().command
    script = found(root, {}, PROGRAM, VARIABLE)
    names = {"complete_func": script.func_name, "complete_var": VARIABLE, "prog_name": PROGRAM}
    echo([(script.source_template % names).strip("\n")])
    return ExitCode.OK
