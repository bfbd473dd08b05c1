"""alerts, watch, acknowledge, snooze: what is wrong, who is told, and who has seen it.

The watcher keeps the alerts, so they need no viewer; to acknowledge is an intent like any other.
"""

from __future__ import annotations

import re
import time

import click

from remote.vocabulary.commands import Verb
from remote.vocabulary.events import iso
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.listing import columns, watcher_line
from tui_app.render.formats import age
from tui_app.state.alert_book import Alert
from tui_app.state.alert_rules import RULES
from tui_app.text_safety import shown
from tui_app.verbs.asking import ask
from tui_app.verbs.common import (
    echo,
    echo_json,
    hooked_watcher,
    journal,
    json_option,
    known_run,
    locations_of,
    now,
    on_alert_option,
    run_argument,
    status_of,
    target_option,
    with_target,
)
from tui_app.watcher_launch import ensure_watcher

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_SECONDS = 366 * 86400.0


@click.command()
@run_argument(required=False)
@click.option("--rules", "show_rules", is_flag=True, help="Every rule in plain words instead.")
@json_option
@target_option
def alerts(run: str | None, show_rules: bool, as_json: bool, target: str | None) -> ExitCode:
    """What is wrong now, the worst first, with the evidence. Needs no watcher and no cloud."""
    if show_rules:
        return _say_rules(as_json)
    locations = locations_of(target)
    if run is not None:
        known_run(locations, run)
    with journal(locations) as reader:
        standing = reader.alerts(run) if reader is not None else []
    if as_json:
        echo_json({"target": locations.target, "alerts": [alert_document(a) for a in standing]})
    elif standing:
        rows = [("SEVERITY", "RUN", "RULE", "SINCE", "WHAT", "EVIDENCE", "")]
        echo(columns([*rows, *(_row(alert, now()) for alert in standing)]))
    else:
        echo([f"no alert stands for {run or 'any run of target ' + locations.target}"])
    return ExitCode.OK


def _say_rules(as_json: bool) -> ExitCode:
    if as_json:
        named = [{"rule": r.id, "severity": str(r.severity), "words": r.words} for r in RULES.values()]
        echo_json({"rules": named})
    else:
        echo(columns([(rule.id, str(rule.severity), rule.words) for rule in RULES.values()]))
    return ExitCode.OK


def _row(alert: Alert, moment: float) -> tuple[str, ...]:
    seen = f"acknowledged by {shown(alert.acknowledged_by, 60)}" if alert.acknowledged_by else ""
    if not seen and alert.snoozed_until > moment:
        seen = f"snoozed, {age(alert.snoozed_until - moment)} left"
    what = (str(alert.severity), shown(alert.run, 48), alert.rule, f"{age(moment - alert.since)} ago")
    return (*what, shown(alert.text, 120), shown(alert.evidence, 160), seen)


def alert_document(alert: Alert) -> dict[str, object]:
    """One alert with stable keys."""
    return {
        "run": alert.run,
        "rule": alert.rule,
        "severity": str(alert.severity),
        "text": alert.text,
        "evidence": alert.evidence,
        "key": alert.key,
        "since": iso(alert.since),
        "acknowledged_by": alert.acknowledged_by or None,
        "snoozed_until": iso(alert.snoozed_until) if alert.snoozed_until else None,
    }


@click.command()
@on_alert_option
@target_option
def watch(on_alert: str | None, target: str | None) -> ExitCode:
    """Have a watcher record the target's runs, with no viewer open, and say how it does."""
    locations = locations_of(target)
    hooked_watcher(locations, on_alert)
    with journal(locations) as reader:
        status, running = status_of(locations, reader)
    echo([watcher_line(status, now(), running=running, command=with_target(locations))])
    if on_alert is not None:
        echo([f"alerts go to: {shown(on_alert, 200)}"])
    return ExitCode.OK


@click.command()
@run_argument()
@click.argument("rule")
@json_option
@target_option
def acknowledge(run: str, rule: str, as_json: bool, target: str | None) -> ExitCode:
    """Say that you have seen an alert of RUN; it stands on, and stays quiet."""
    return _about(Verb.ACKNOWLEDGE, run, rule, None, as_json, target)


@click.command()
@run_argument()
@click.argument("rule")
@click.option("--for", "length", required=True, metavar="30m", help="How long: 90s, 30m, 8h or 2d.")
@json_option
@target_option
def snooze(run: str, rule: str, length: str, as_json: bool, target: str | None) -> ExitCode:
    """Silence an alert of RUN for a while; if it still stands then, it is told again."""
    return _about(Verb.SNOOZE, run, rule, duration(length, "--for"), as_json, target)


def _about(
    verb: Verb, run: str, rule: str, seconds: float | None, as_json: bool, target: str | None
) -> ExitCode:
    locations = locations_of(target)
    known_run(locations, run)
    if rule not in RULES:
        raise CommandError(f"rule is {shown(rule, 60)!r}; allowed is {', '.join(RULES)}", ExitCode.USAGE)
    ensure_watcher(locations, locations.target)
    args: dict[str, object] = {"rule": rule}
    if seconds is not None:
        args["until"] = time.time() + seconds
    return ask(locations, verb, run, as_json=as_json, args=args)


def duration(text: str, option: str) -> float:
    """``90s``, ``30m``, ``8h`` or ``30d`` in seconds. CommandError."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise CommandError(
            f"{option} is {shown(text, 40)!r}; allowed is a number of s, m, h or d, at most a year: 30m",
            ExitCode.USAGE,
        )
    return seconds
