"""``middlewatch``: every key of the dashboard as a command, and the exit status as an answer.

It imports no modal, no torch and no Textual (the dashboard does, when it is opened), so that reading
verbs answer at once. Whatever goes wrong is one line on stderr that names the value and what is
allowed; a traceback goes into a crash report, never to the terminal.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from tui_app import __version__
from tui_app.exit_codes import EXPLAINED, CommandError, ExitCode
from tui_app.locations import state_home
from tui_app.text_safety import plain_lines, shown
from tui_app.verbs.common import target_option
from tui_app.verbs.later import Later

_CODES = {
    "tui_app.locations.UnsafeStateError": ExitCode.REFUSED,
    "tui_app.targets.TargetDownError": ExitCode.REFUSED,
    "tui_app.plain.FollowError": ExitCode.UNREACHABLE,
    "tui_app.watcher_launch.WatcherStartError": ExitCode.ERROR,
    "tui_app.journal.schema.JournalError": ExitCode.ERROR,
    "tui_app.subprocesses.ToolError": ExitCode.ERROR,
    "sqlite3.Error": ExitCode.ERROR,
    "builtins.OSError": ExitCode.ERROR,
}
"""By class name, so that none has to be imported before it was raised."""
_MODULES = {
    "opening": ("open",),
    "reading": ("list", "show", "logs"),
    "spawning": ("spawn",),
    "acting": ("checkpoint", "preempt", "resume", "stop"),
    "evaluating": ("evaluate",),
    "alerting": ("alerts", "watch", "acknowledge", "snooze"),
    "telling": ("triage", "export", "audit"),
    "replaying": ("replay",),
    "serving": ("serve",),
    "places": ("cloud", "deploy", "demo", "down", "doctor"),
    "keeping": ("prune",),
    "completing": ("completion",),
}
_BUILTIN_NAMES = ("open", "list")
COMPLETION_VARIABLE = "_MIDDLEWATCH_COMPLETE"


def _place(module: str, name: str) -> str:
    return f"tui_app.verbs.{module}:{name}{'_' if name in _BUILTIN_NAMES else ''}"


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"Exit status: {EXPLAINED}.",
)
@target_option
@click.option("--version", "show_version", is_flag=True, help="Say the version and leave.")
@click.pass_context
def cli(context: click.Context, target: str | None, show_version: bool) -> ExitCode | None:
    """Supervise RL training runs on Modal, or on this machine's local cloud.

    Without a command it opens the dashboard.
    """
    if show_version:
        click.echo(f"middlewatch {__version__} (modal {_installed('modal')})")
        return ExitCode.OK
    if context.invoked_subcommand is None:
        code: ExitCode = context.invoke(
            cli.commands["open"], run=None, read_only=False, ascii_art=False, plain=False, target=target
        )
        return code
    return None


cli.commands = Later({name: _place(module, name) for module, names in _MODULES.items() for name in names})


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The command's entry point."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        if COMPLETION_VARIABLE in os.environ:
            cli.main(args=given, prog_name="middlewatch", complete_var=COMPLETION_VARIABLE)
        code = run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_the_reader_go()
        code = ExitCode.OK
    sys.exit(int(code))


def run(arguments: list[str]) -> ExitCode:
    """Run one command and give its exit status. BrokenPipeError if nobody reads any more."""
    try:
        with cli.make_context("middlewatch", list(arguments)) as context:
            gc.freeze()  # or all that was imported would be looked through here, for nothing
            gc.enable()
            answer = cli.invoke(context)
        return answer if isinstance(answer, ExitCode) else ExitCode.OK
    except click.exceptions.Exit as exit_:
        return ExitCode.OK if exit_.exit_code == 0 else ExitCode.USAGE
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        return _fail(error.format_message(), ExitCode.USAGE, arguments)
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except CommandError as error:
        return _fail(str(error), error.code, arguments)
    except BrokenPipeError:
        raise
    except Exception as error:
        return _fail_by_kind(error, arguments)


def _fail_by_kind(error: Exception, arguments: list[str]) -> ExitCode:
    for kind in type(error).__mro__:
        code = _CODES.get(f"{kind.__module__}.{kind.__qualname__}")
        if code is not None:
            return _fail(str(error), code, arguments)
    from tui_app import crash_report

    for line in crash_report.words(error, crash_report.write(error, state_home())):
        print(line, file=sys.stderr)
    return ExitCode.ERROR


def _fail(message: str, code: ExitCode, arguments: list[str]) -> ExitCode:
    """One line; only the last words of another program may follow it."""
    if "--json" in arguments:
        import json

        print(json.dumps({"error": message, "exit": int(code)}), file=sys.stderr)
        return code
    first, *rest = plain_lines(message) or [""]
    print(f"middlewatch: {first}", *rest, sep="\n", file=sys.stderr)
    return code


def _let_the_reader_go() -> None:
    """Nobody reads stdout any more: what Python still wants to flush goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _installed(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return shown(version(package), 40)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
