"""open: the dashboard, or plain lines where there is no terminal for it.

What it does not need is imported where it does: whoever opens the dashboard waits for every import.
"""

from __future__ import annotations

import sys

import click

from tui_app.choosing import remember_target
from tui_app.exit_codes import ExitCode
from tui_app.fast_imports import fast_imports
from tui_app.locations import Locations
from tui_app.verbs.common import (
    echo,
    has_terminal,
    hooked_watcher,
    journal,
    known_run,
    locations_of,
    on_alert_option,
    require_size,
    run_argument,
    settings_of,
    target_option,
    with_target,
)


@click.command("open")
@run_argument(required=False)
@click.option("--read-only", is_flag=True, help="Look only: no key can act, no watcher is started.")
@click.option("--ascii", "ascii_art", is_flag=True, help="Draw with ASCII alone.")
@click.option("--plain", is_flag=True, help="Plain lines instead of the dashboard.")
@click.option("--rw", is_flag=True, help="Keys may act from the start on MODAL too (else: W arms them).")
@on_alert_option
@target_option
def open_(
    run: str | None,
    read_only: bool,
    ascii_art: bool,
    plain: bool,
    rw: bool,
    on_alert: str | None,
    target: str | None,
) -> ExitCode:
    """Open the dashboard, on RUN if one is named: a run, any call fc-…, or an app ap-… with one live call.

    A call that is not ours is followed from then on. Closing the dashboard changes nothing about runs.
    """
    flags = {"read_only": "yes" if read_only else None, "ascii": "yes" if ascii_art else None}
    settings = settings_of(flags)
    read_only, drawn = settings["read_only"].value == "yes", settings["ascii"].value
    locations = locations_of(target)
    if run is not None:
        run = _run_named(locations, run, read_only=read_only)
    remember_target(locations.target)
    if on_alert is not None and not read_only:
        hooked_watcher(locations, on_alert)
    if plain or not has_terminal():
        return _open_plain(locations, run, read_only)
    require_size()
    locations.prepare()
    with fast_imports():
        from tui_app.app import run_app
    from tui_app.options import options_of

    ascii_only = None if drawn == "auto" else drawn == "yes"
    return ExitCode(
        run_app(locations, run, read_only, rw=rw, ascii_art=ascii_only, options=options_of(settings))
    )


def _run_named(locations: Locations, name: str, *, read_only: bool) -> str:
    """The run of this name, or the one that this call belongs to; a call of somebody else's, or the one
    of an app, is put under supervision. CommandError."""
    if not name.startswith(("fc-", "ap-")):
        return known_run(locations, name).view.run
    run = _run_of_call(locations, name)
    if run is None and not read_only:
        from tui_app.verbs.asking import adopt

        run = _run_of_call(locations, adopt(locations, name))
    return run if run is not None else known_run(locations, name).view.run


def _run_of_call(locations: Locations, call_id: str) -> str | None:
    with journal(locations) as reader:
        summaries = reader.views() if reader is not None else []
        for summary in sorted(summaries, key=lambda each: not each.view.level.has_records):
            if summary.view.call_id == call_id:
                return summary.view.run
            types = ("run.spawned", "run.adopted")
            told = reader.events(summary.view.run, types=types) if reader is not None else []
            if any(row.event.data.get("call_id") == call_id for row in told):
                return summary.view.run
    return None


def _open_plain(locations: Locations, run: str | None, read_only: bool) -> ExitCode:
    from tui_app.demo import tend
    from tui_app.plain import follow
    from tui_app.verbs.reading import list_runs

    if run is None:
        list_runs(locations, as_json=False)
        echo([f"there is no terminal for the dashboard; follow a run: {with_target(locations)} logs -f RUN"])
        return ExitCode.OK
    watch = (lambda: None) if read_only else (lambda: tend(locations))
    return follow(locations, run, sys.stdout, command=with_target(locations), tend=watch)
