"""prune: how long what was recorded is kept."""

from __future__ import annotations

import os
import sys

import click

from tui_app.exit_codes import CommandError, ExitCode
from tui_app.journal.retention import bulk_of, ended_before, forget_intents, thin
from tui_app.locations import Locations
from tui_app.render.formats import plural, size
from tui_app.verbs.alerting import duration
from tui_app.verbs.common import echo, echo_json, journal, json_option, locations_of, now, target_option
from tui_app.watcher_launch import WatcherRunsError, ensure_watcher, hold_lock, stop_watcher, watcher_running


@click.command()
@click.option("--older-than", "length", required=True, metavar="30d", help="Ended longer ago than this.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@target_option
def prune(length: str, yes: bool, as_json: bool, target: str | None) -> ExitCode:
    """Thin out the journal: steps, samples and container output of runs that ended long ago.

    Their attempts, commits, ends and audit stay, and so does everything on the target itself. To keep
    the steps: middlewatch export RUN -o FILE.
    """
    cutoff = now() - duration(length, "--older-than")
    locations = locations_of(target)
    with journal(locations) as reader:
        old = ended_before(reader, cutoff) if reader is not None else []
        bulk = {run: bulk_of(reader, run) for run in old} if reader is not None else {}
    runs = [run for run in old if bulk[run]]
    if runs:
        lines = sum(bulk[run] for run in runs)
        _confirm(
            f"{plural(len(runs), 'run')}, {lines:,} events and printed lines: {', '.join(runs[:12])}", yes
        )
    freed = _thin(locations, runs, cutoff)
    if as_json:
        echo_json({"target": locations.target, "runs": runs, "freed_bytes": freed})
    elif runs:
        echo([f"thinned {plural(len(runs), 'run')}, {size(freed)} freed"])
    else:
        echo([f"nothing to thin: no run of target {locations.target} ended more than {length} ago"])
    return ExitCode.OK


def _confirm(what: str, yes: bool) -> None:
    """Ask on a terminal; without one, --yes is needed, because it cannot be undone."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CommandError(f"prune would take out {what}; to do it: --yes", ExitCode.REFUSED)
    click.echo(f"prune takes out, for good: {what}", err=True)
    if not click.confirm("prune?", default=False, err=True):
        raise CommandError("prune was not confirmed; nothing was done", ExitCode.REFUSED)


def _thin(locations: Locations, runs: list[str], cutoff: float) -> int:
    """A journal has one writer: its watcher makes room for this, and goes on afterwards."""
    if not runs:
        return 0
    import psutil

    locations.prepare()
    recording = watcher_running(locations)
    if recording:
        stop_watcher(locations)
    try:
        with hold_lock(locations, pid=os.getpid(), started_at=psutil.Process().create_time()):
            forget_intents(locations.intents, cutoff)
            freed = thin(locations.journal, runs)
    except WatcherRunsError as error:
        raise CommandError(f"{error}; another viewer has started it: try again", ExitCode.ERROR) from error
    finally:
        if recording:
            ensure_watcher(locations, locations.target)
    return freed
