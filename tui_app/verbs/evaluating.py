"""evaluate: a committed checkpoint scored on held-out prompts by several containers at once.

It is the watcher that calls them, so nothing here is needed once it has begun; what is printed is read from
the journal. Ctrl-C leaves the evaluation to go on.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import click
import msgspec

from remote.vocabulary.commands import Verb
from remote.vocabulary.events import Event
from tui_app.actions import ACTIONS
from tui_app.demo import deploying, tend
from tui_app.evaluating import hour_of, plan_costs
from tui_app.evaluation_plan import MOST_PROMPTS, MOST_SLICES, PROMPTS, SLICES, PlanError, planned
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.journal.reader import JournalReader
from tui_app.locations import Locations
from tui_app.render.formats import plural, span
from tui_app.sentences import Line, sentence
from tui_app.state.evaluation import TYPES
from tui_app.state.fields import Fields
from tui_app.state.view import RunView
from tui_app.subprocesses import ensure_deployed
from tui_app.text_safety import plain, shown
from tui_app.verbs.acting import committed_step, confirm, wanted, yes_option
from tui_app.verbs.asking import ask_for, bring_up
from tui_app.verbs.common import (
    echo,
    echo_json,
    journal,
    json_option,
    locations_of,
    prices_of,
    run_argument,
    target_option,
    with_target,
)

POLL_SECONDS = 0.2
TEND_EVERY = 50


@click.command()
@run_argument()
@click.option("--step", type=int, metavar="S", help="A committed step (default: the newest).")
@click.option("--prompts", type=int, metavar="N", help=f"Held-out prompts, to {MOST_PROMPTS} ({PROMPTS}).")
@click.option(
    "--slices", type=int, metavar="K", help=f"Containers that share them, to {MOST_SLICES} ({SLICES})."
)
@click.option("--cancel", is_flag=True, help="End the one that is under way; what is scored is kept.")
@click.option("--no-wait", is_flag=True, help="Leave it to the watcher once it has begun.")
@yes_option
@json_option
@target_option
def evaluate(
    run: str,
    step: int | None,
    prompts: int | None,
    slices: int | None,
    cancel: bool,
    no_wait: bool,
    yes: bool,
    as_json: bool,
    target: str | None,
) -> ExitCode:
    """Score a committed checkpoint of RUN on held-out prompts, beside the run.

    Exit status 1 if not all of the prompts could be scored; what failed is listed.
    """
    locations = locations_of(target)
    view = wanted(locations, run).view
    if cancel:
        if (step, prompts, slices) != (None, None, None):
            raise CommandError("--cancel ends what is under way; it takes no other option", ExitCode.USAGE)
        return _cancel(locations, view, as_json=as_json, yes=yes)
    if (refusal := ACTIONS["evaluate"].refusal(view)) is not None:
        raise CommandError(refusal, ExitCode.REFUSED)
    try:
        plan = planned(view, step, prompts, slices)
    except PlanError as error:
        raise CommandError(f"--{error}", ExitCode.USAGE) from error
    if step is not None:
        committed_step(locations, run, step, "--step")
    confirm(locations, plan_costs(view, plan, hour_of(view, prices_of())), "evaluate", run, yes)
    bring_up(locations)
    if locations.target == "local":
        with deploying(sys.stderr) as on_start:
            ensure_deployed(locations, on_start)
    args = msgspec.structs.asdict(plan)
    outcome = ask_for(locations, Verb.EVALUATE, run, args=args)
    if no_wait:
        return _said(as_json, {"id": outcome.intent, "run": run, **args, "outcome": None}, outcome.detail)
    return _follow(locations, run, outcome.intent, as_json=as_json)


def _cancel(locations: Locations, view: RunView, *, as_json: bool, yes: bool) -> ExitCode:
    action = ACTIONS["cancel-eval"]
    if (refusal := action.refusal(view)) is not None or view.evaluation is None:
        raise CommandError(refusal or "", ExitCode.REFUSED)
    confirm(locations, action.cost(view), "cancel the evaluation", view.run, yes)
    bring_up(locations)
    outcome = ask_for(locations, Verb.CANCEL_EVALUATION, view.run)
    about = {"id": view.evaluation.id, "run": view.run, "outcome": "cancelled"}
    return _said(as_json, about, outcome.detail)


def _said(as_json: bool, document: dict[str, Any], detail: str) -> ExitCode:
    if as_json:
        echo_json({**document, "detail": detail})
    else:
        echo([f"ok evaluate {document['run']}: {shown(detail)}"])
    return ExitCode.OK


def _follow(locations: Locations, run: str, evaluation_id: str, *, as_json: bool) -> ExitCode:
    """Say how it goes until it has ended."""
    teller = _Teller(run, evaluation_id, as_json)
    looked = 0
    try:
        with journal(locations) as reader:
            assert reader is not None, "the intent's outcome was read from it"
            while not teller.take(reader):
                looked += 1
                if looked % TEND_EVERY == 0:
                    tend(locations)
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        command = f"{with_target(locations)} evaluate {run} --cancel"
        click.echo(f"\nthe evaluation goes on; to end it: {command}", err=True)
        raise
    return teller.finish()


class _Teller:
    """Prints each event of one evaluation once; how far it has come on one line of a terminal."""

    def __init__(self, run: str, evaluation_id: str, as_json: bool) -> None:
        self._view, self._id, self._as_json = RunView(run=run), evaluation_id, as_json
        self._row, self._bar = 0, sys.stderr.isatty() and not as_json
        self._data: dict[str, Any] = {}
        self._failures: list[dict[str, Any]] = []
        self._started: dict[str, Any] = {}

    def take(self, reader: JournalReader) -> bool:
        """Tell what is new; whether it has ended."""
        for row in reader.events(self._view.run, after_row=self._row, types=TYPES):
            self._row = row.row_id
            if row.event.data.get("id") == self._id:
                self._tell(row.event)
        return bool(self._data)

    def finish(self) -> ExitCode:
        """The whole as JSON if that is wanted; the exit status."""
        if self._as_json:
            failures = [
                {name: each.get(name) for name in ("slice", "first", "last", "error")}
                for each in self._failures
            ]
            echo_json({"run": self._view.run, **self._started, **self._data, "failures": failures})
        return ExitCode.OK if self._data.get("outcome") == "done" else ExitCode.ERROR

    def _tell(self, event: Event) -> None:
        if event.type == "evaluation.started":
            self._started = dict(event.data)
        elif event.type == "evaluation.slice_failed":
            self._failures.append(dict(event.data))
        elif event.type == "evaluation.progressed":
            self._progress(Fields(event.data))
        else:
            self._data = dict(event.data)
        line = sentence(event, self._view)
        if line is not None and not self._as_json:
            self._clear()
            echo([_plain(line)])

    def _progress(self, fields: Fields) -> None:
        if not self._bar:
            return
        heard = (fields.whole("done") or 0) + (fields.whole("failed") or 0)
        of, seconds = Fields(self._started).whole("slices") or heard, fields.real("seconds") or 0.0
        scored = plural(fields.whole("scored") or 0, "prompt")
        self._clear()
        sys.stderr.write(f"{heard} of {plural(of, 'slice')}, {scored} scored, {span(seconds)}")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._bar:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _plain(line: Line) -> str:
    return plain(f"{line.mark} {line.text}" if line.mark else line.text)
