"""Write an intent, wait, report: what the acting verbs have in common.

What was written and not answered in time exits with 5 and names the intent, which may still be
carried out until it expires.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from remote.vocabulary.commands import Outcome, OutcomeState, Verb
from tui_app.choosing import remember_target
from tui_app.demo import tend
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.locations import Locations
from tui_app.plain import follow
from tui_app.requests import PATIENCE_SECONDS, await_outcome, submit
from tui_app.targets import TOKEN_REFUSED
from tui_app.text_safety import shown
from tui_app.verbs.common import echo, echo_json, journal, require_target, with_target
from tui_app.watcher_launch import ensure_watcher

follow_option = click.option(
    "--follow", "following", is_flag=True, help="Then follow the run as plain lines."
)


def bring_up(locations: Locations) -> None:
    """The target is up and a watcher records. CommandError, UnsafeStateError, WatcherStartError."""
    require_target(locations)
    locations.prepare()
    ensure_watcher(locations, locations.target)
    remember_target(locations.target)
    require_token(locations)


def require_token(locations: Locations) -> None:
    """CommandError where the target answers our watcher that its token is wrong."""
    with journal(locations) as reader:
        status = reader.status() if reader is not None else None
    if status is not None and not status.reachable and status.detail.startswith(TOKEN_REFUSED):
        remedy = "get another with: modal token new"
        raise CommandError(f"{shown(status.detail, 300)}; {remedy}", ExitCode.AUTH)


def taken_names(locations: Locations) -> set[str]:
    """Every run name in the journal."""
    with journal(locations) as reader:
        return {summary.view.run for summary in reader.views()} if reader is not None else set()


def ask(
    locations: Locations,
    verb: Verb,
    run: str,
    *,
    as_json: bool,
    attempt: int | None = None,
    args: Mapping[str, Any] | None = None,
) -> ExitCode:
    """Write an intent, wait for its outcome and report it. CommandError unless it was done."""
    intent = submit(locations, verb, run, attempt=attempt, args=args)
    outcome = await_outcome(locations, intent.id)
    if as_json:
        echo_json(
            {
                "intent": intent.id,
                "verb": verb.value,
                "run": run,
                "outcome": outcome.state.value if outcome is not None else None,
                "detail": outcome.detail if outcome is not None else "",
            }
        )
    return _answer(locations, verb, run, intent.id, outcome, quiet=as_json)


def ask_for(locations: Locations, verb: Verb, run: str, *, args: Mapping[str, Any] | None = None) -> Outcome:
    """As `ask`, and says nothing: the outcome, which is that it was done. CommandError."""
    intent = submit(locations, verb, run, args=args)
    outcome = await_outcome(locations, intent.id)
    _answer(locations, verb, run, intent.id, outcome, quiet=True)
    assert outcome is not None, "an intent without an outcome is an error"
    return outcome


def adopt(locations: Locations, identity: str) -> str:
    """Have a call fc-…, or the one live call of an app ap-…, followed; the call's id. CommandError."""
    bring_up(locations)
    outcome = ask_for(locations, Verb.ADOPT, identity, args={"id": identity})
    return outcome.detail.split(maxsplit=1)[0]


def _answer(
    locations: Locations, verb: Verb, run: str, intent_id: str, outcome: Outcome | None, *, quiet: bool
) -> ExitCode:
    if outcome is None:
        require_token(locations)
        raise CommandError(
            f"no outcome within {PATIENCE_SECONDS:.0f} s of {verb} {run}; the intent is {intent_id} and may "
            f"still be carried out: {with_target(locations)} show {run}",
            ExitCode.UNREACHABLE,
        )
    detail = shown(outcome.detail)
    if outcome.state is not OutcomeState.DONE:
        code = ExitCode.ERROR if outcome.state is OutcomeState.FAILED else ExitCode.REFUSED
        raise CommandError(f"{verb} {run} {outcome.state}: {detail}", code)
    if not quiet:
        echo([f"ok {verb} {run}" + (f": {detail}" if detail else "")])
    return ExitCode.OK


def follow_run(locations: Locations, run: str) -> ExitCode:
    """Follow the run as plain lines until it has ended."""
    return follow(locations, run, sys.stdout, command=with_target(locations), tend=lambda: tend(locations))
