"""checkpoint, preempt, stop, resume: what an operator does to a run that exists.

What cannot be done now is refused before anything is written; the watcher checks again. A verb that costs
something says what and asks on a terminal. Without one it goes ahead on the local cloud; on Modal it needs
``--yes``, because there it ends or repeats paid work.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from remote.vocabulary.commands import Verb
from tui_app.actions import ACTIONS, Danger, aim
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.journal.reader import RunSummary
from tui_app.locations import TARGETS, Locations
from tui_app.state.cost import at_stake
from tui_app.state.view import RunView
from tui_app.verbs.asking import ask, bring_up, follow_option, follow_run, taken_names
from tui_app.verbs.common import (
    APPEAR_SECONDS,
    journal,
    json_option,
    known_run,
    locations_of,
    prices_of,
    require_target,
    run_argument,
    target_option,
    with_target,
)
from tui_app.verbs.spawning import config_from
from tui_app.watcher_launch import ensure_watcher

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


@click.command()
@run_argument()
@json_option
@target_option
def checkpoint(run: str, as_json: bool, target: str | None) -> ExitCode:
    """Save and commit RUN at its next step boundary."""
    return _act(locations_of(target), "checkpoint", run, as_json=as_json, yes=True)


@click.command()
@run_argument()
@yes_option
@json_option
@target_option
def preempt(run: str, yes: bool, as_json: bool, target: str | None) -> ExitCode:
    """Interrupt RUN's container for real, to see it come back."""
    return _act(locations_of(target), "preempt", run, as_json=as_json, yes=yes)


@click.command()
@run_argument()
@yes_option
@json_option
@target_option
def stop(run: str, yes: bool, as_json: bool, target: str | None) -> ExitCode:
    """End RUN at its next step boundary; it saves and commits first."""
    return _act(locations_of(target), "stop", run, as_json=as_json, yes=yes)


@click.command()
@run_argument()
@click.option("--from", "from_step", type=int, help="A committed step (default: the newest).")
@click.option("--steps", type=int, help="A new goal.")
@yes_option
@follow_option
@json_option
@target_option
def resume(
    run: str,
    from_step: int | None,
    steps: int | None,
    yes: bool,
    following: bool,
    as_json: bool,
    target: str | None,
) -> ExitCode:
    """Start an ended RUN again from its newest committed checkpoint."""
    locations = locations_of(target)
    view = wanted(locations, run).view
    more_to_do = from_step is not None or (steps is not None and steps > view.step)
    refusal = None if more_to_do and view.state.is_terminal else ACTIONS["resume"].refusal(view)
    if refusal is not None:
        raise CommandError(_with_hint(refusal, view, locations), ExitCode.REFUSED)
    config = config_from(view.config, {"steps": steps})
    args: dict[str, Any] = {"config": config.to_json()}
    if from_step is not None:
        args["from_step"] = committed_step(locations, run, from_step, "--from")
    if from_step is not None:
        confirm(locations, ACTIONS["resume"].cost(view), "resume", run, yes)
    bring_up(locations)
    code = ask(locations, Verb.RESUME, run, as_json=as_json, args=args)
    return follow_run(locations, run) if code is ExitCode.OK and following else code


def _with_hint(refusal: str, view: RunView, locations: Locations) -> str:
    if view.state.is_terminal:
        return f"{refusal} (a larger goal: --steps N; an earlier step: --from N)"
    return f"{refusal}; stop it first: {with_target(locations)} stop {view.run}"


def committed_step(locations: Locations, run: str, step: int, option: str) -> int:
    """``step`` if a checkpoint of it was committed and is not deleted. CommandError."""
    with journal(locations) as reader:
        assert reader is not None, "the run is known from it"
        rows = reader.events(run, limit=100_000, types=("volume.committed", "checkpoint.deleted"))
    kept: dict[object, object] = {}
    for row in rows:
        name, at = row.event.data.get("name"), row.event.data.get("step")
        if row.event.type == "volume.committed":
            kept[name] = at
        else:
            kept.pop(name, None)
    steps = sorted({at for at in kept.values() if isinstance(at, int)})
    if step not in steps:
        allowed = ", ".join(map(str, steps)) or "none: nothing is committed"
        raise CommandError(f"{option} is {step}; allowed is a committed step: {allowed}", ExitCode.USAGE)
    return step


def _act(locations: Locations, action_id: str, run: str, *, as_json: bool, yes: bool) -> ExitCode:
    action = ACTIONS[action_id]
    view = wanted(locations, run).view
    refusal = action.refusal(view)
    if refusal is not None:
        raise CommandError(refusal, ExitCode.REFUSED)
    if action.danger is not Danger.NONE:
        stake = at_stake(view, time.time(), prices_of())
        confirm(locations, action.cost(view, stake), action.label, run, yes)
    bring_up(locations)
    assert action.verb is not None, f"{action.id} is an action on a run"
    return ask(locations, action.verb, run, as_json=as_json, attempt=aim(view))


def wanted(locations: Locations, run: str) -> RunSummary:
    """The run as recorded; a run that is not is waited for, if a watcher can still find it."""
    try:
        return known_run(locations, run)
    except CommandError:
        require_target(locations)
        ensure_watcher(locations, locations.target)
        deadline = time.monotonic() + APPEAR_SECONDS
        while run not in taken_names(locations) and time.monotonic() < deadline:
            time.sleep(0.1)
        return known_run(locations, run)


def confirm(locations: Locations, cost: list[str], label: str, run: str, yes: bool) -> None:
    """Say what it costs and ask; No is the default. A script has no terminal: see the module."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        if locations.target == TARGETS[0]:
            return
        told = " ".join(cost)
        raise CommandError(f"{label} of {run} on {locations.target} needs --yes: {told}", ExitCode.REFUSED)
    for line in cost:
        click.echo(line, err=True)
    if not click.confirm(f"{label} {run} on {locations.target.upper()}?", default=False, err=True):
        raise CommandError(f"{label} of {run} was not confirmed; nothing was done", ExitCode.REFUSED)
