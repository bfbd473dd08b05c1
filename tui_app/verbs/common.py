"""What the verbs share: the target, the run that is named, what a terminal can do, what to print.

Every refusal is a `CommandError` with one line that names the value and what is allowed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from tui_app.choosing import choose_target, known_target
from tui_app.config import Setting, SettingError, load, load_prices, modal_token_origin
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.journal.reader import JournalMissingError, JournalReader, RunSummary, WatcherStatus
from tui_app.least_size import COLUMNS, ROWS, fits
from tui_app.locations import TARGETS, Locations
from tui_app.state.cost import Prices
from tui_app.targets import CLOUD_IS_DOWN, cloud_running
from tui_app.text_safety import plain

MAX_NAMES_SHOWN = 12
APPEAR_SECONDS = 3.0
_RUN_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}\Z")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def target_option(command: _Command) -> _Command:
    """``--target``, for the verb or before it."""
    return click.option("--target", metavar="|".join(TARGETS), help="Where runs execute.")(command)


def json_option(command: _Command) -> _Command:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Machine-readable, with stable keys.")(
        command
    )


def on_alert_option(command: _Command) -> _Command:
    """``--on-alert``, for what starts a watcher."""
    return click.option(
        "--on-alert",
        metavar="COMMAND",
        help="Run by the watcher for each alert, raised or cleared, with JSON on stdin; works with no viewer "
        "open, until the watcher ends (to keep it: on_alert in config.toml).",
    )(command)


def hooked_watcher(locations: Locations, on_alert: str | None) -> None:
    """A watcher records, with this command for alerts if one is given. CommandError, WatcherStartError."""
    import shlex

    from tui_app.watcher_launch import ensure_watcher

    try:
        words = None if on_alert is None else shlex.split(on_alert)
    except ValueError as error:
        raise CommandError(f"--on-alert is {plain(on_alert, 200)!r}: {error}", ExitCode.USAGE) from error
    if words is not None and not (words and shutil.which(words[0])):
        raise CommandError(
            f"--on-alert is {plain(on_alert, 200)!r}; allowed is a command that can be found", ExitCode.USAGE
        )
    require_target(locations)
    ensure_watcher(locations, locations.target, on_alert=words)


def locations_of(target: str | None) -> Locations:
    """The files of the chosen target. CommandError for one that does not exist."""
    root = click.get_current_context().find_root()
    asked = target or root.params.get("target")
    try:
        chosen = choose_target(asked, can_ask=has_terminal(), say=_say_target)
    except SettingError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    return Locations.of(chosen.value)


def _say_target(text: str) -> None:
    click.echo(f"middlewatch: {text}", err=True)


def settings_of(flags: Mapping[str, str | None]) -> dict[str, Setting]:
    """Every setting. CommandError for one that is not allowed."""
    try:
        return load(flags)
    except SettingError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error


def prices_of() -> Prices:
    """What GPUs cost, as configured. CommandError."""
    try:
        return load_prices()
    except SettingError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error


def run_argument(*, required: bool = True) -> Callable[[_Command], _Command]:
    """``RUN``, which the shell can complete."""
    return click.argument("run", required=required, shell_complete=_complete_run)


def _complete_run(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """The recorded runs that begin like this, newest first; nothing where anything is amiss."""
    try:
        given = context.params.get("target") or context.find_root().params.get("target")
        locations = Locations.of(known_target(given).value)
        with journal(locations) as reader:
            views = [summary.view for summary in reader.views()] if reader is not None else []
    except Exception:
        return []
    newest = sorted(views, key=lambda view: view.spawned_at or 0.0, reverse=True)
    return [view.run for view in newest if view.run.startswith(typed)]


@contextlib.contextmanager
def journal(locations: Locations) -> Iterator[JournalReader | None]:
    """The journal, None where no watcher has made one yet."""
    try:
        reader = JournalReader(locations.journal)
    except JournalMissingError:
        yield None
        return
    with contextlib.closing(reader):
        yield reader


def known_run(locations: Locations, run: str) -> RunSummary:
    """The run as recorded. CommandError for an unknown one, with the names that are known."""
    with journal(locations) as reader:
        summary = reader.view(run) if reader is not None else None
        names = [each.view.run for each in reader.views()] if reader is not None else []
    if summary is None:
        raise unknown_run(locations, run, names)
    return summary


def unknown_run(locations: Locations, run: str, names: Sequence[str]) -> CommandError:
    """The refusal of a name that nothing is recorded of."""
    newest = list(names)[-MAX_NAMES_SHOWN:]
    known = "known runs are " + ", ".join(newest) if newest else "no run has been recorded yet"
    more = f" and {len(names) - len(newest)} more" if len(names) > len(newest) else ""
    return CommandError(
        f"run is {plain(run, 60)!r}, which target {locations.target} does not know; {known}{more}",
        ExitCode.USAGE,
    )


def checked_name(run: str) -> str:
    """A name for a new run. CommandError if it is not allowed."""
    if not _RUN_NAME.match(run):
        raise CommandError(
            f"run name is {plain(run, 60)!r}; allowed is 1 to 48 of a-z, 0-9 and -, not starting with -",
            ExitCode.USAGE,
        )
    return run


def require_target(locations: Locations) -> None:
    """CommandError where the local cloud is down, or Modal's token missing, with the remedy."""
    if locations.target == "modal" and modal_token_origin() is None:
        raise CommandError("there is no Modal token; get one with: modal token new", ExitCode.AUTH)
    if locations.target == "local" and not cloud_running():
        message = CLOUD_IS_DOWN.replace("middlewatch ", f"{command_name()} ")
        raise CommandError(message, ExitCode.REFUSED)


def status_of(locations: Locations, reader: JournalReader | None) -> tuple[WatcherStatus | None, bool]:
    """What the watcher last said, and whether one is alive."""
    from tui_app.watcher_launch import watcher_running

    return (reader.status() if reader is not None else None), watcher_running(locations)


def has_terminal() -> bool:
    """Whether a full-screen dashboard can be shown: both ends are a terminal that can move, or a page in a
    browser stands for one."""
    if "web_driver" in os.environ.get("TEXTUAL_DRIVER", ""):
        return True
    able = os.environ.get("TERM", "") not in ("", "dumb")
    return able and sys.stdin.isatty() and sys.stdout.isatty()


def require_size() -> None:
    """CommandError for a terminal too small; one that does not say its size is let through."""
    with contextlib.suppress(OSError):
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        if columns and rows and not fits(columns, rows):
            raise CommandError(
                f"the terminal is {columns}x{rows}; at least {COLUMNS}x{ROWS} is needed (or use --plain)",
                ExitCode.REFUSED,
            )


def command_name() -> str:
    """How whoever reads our lines can call us again."""
    name = Path(sys.argv[0]).name
    if name == "middlewatch" and shutil.which(name):
        return name
    beside = Path(sys.executable).with_name("middlewatch")
    return _short(beside) if beside.exists() else f"{_short(Path(sys.executable))} -m tui_app"


def with_target(locations: Locations) -> str:
    """`command_name`, so that it means this target."""
    try:
        plain_means_it = known_target(None).value == locations.target
    except SettingError:
        plain_means_it = False
    return command_name() + ("" if plain_means_it else f" --target {locations.target}")


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def echo(lines: Sequence[str]) -> None:
    """Print lines that are safe already."""
    out = sys.stdout
    for line in lines:
        out.write(line + "\n")
    out.flush()


def echo_json(document: object) -> None:
    """Print one line of JSON in ASCII: no control character survives in it."""
    import json

    echo([json.dumps(document, ensure_ascii=True, allow_nan=False)])


def now() -> float:
    """Unix seconds."""
    return time.time()
