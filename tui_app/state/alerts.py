"""What is wrong with a run now, as a pure fold beside the view: raised once, cleared once.

    book = update(AlertBook(), view, event, now=now, sign_at=now)     # after each event
    book = update(book, view, None, now=now, sign_at=sign_at)         # and about once a second
    for alert in book.active: print(alert.severity, alert.text, alert.evidence, alert.key)

The rules are `tui_app.state.alert_rules`. A rule says of what it sees FIRING, CALM, or neither; an
alert is cleared only after so many calm looks in a row, over so many seconds, and the bounds of CALM
lie well inside those of FIRING: so a value that hovers at a bound raises one alert, not many. While an
alert stands its baseline does not move, so a blow-up cannot become the new normal by lasting.
Acknowledged means that somebody has seen this one; snoozed, that nobody wants to hear of it until
then. It reads no clock: ``now`` is unix seconds on the watcher's clock.
"""

from __future__ import annotations

import msgspec

from remote.vocabulary.events import Event
from tui_app.state.alert_book import Alert, AlertBook, Tally
from tui_app.state.alert_memory import remember
from tui_app.state.alert_rules import rules_for
from tui_app.state.alert_terms import QUIET, Finding, Level, Look, Rule
from tui_app.state.view import RunView

replace = msgspec.structs.replace


def update(
    book: AlertBook, view: RunView, event: Event | None, now: float, sign_at: float | None
) -> AlertBook:
    """The book after ``event``, which ``view`` has folded already; None where only time has passed.

    ``sign_at`` is when the run's last sign of life arrived (unix seconds), None if none ever did.
    """
    if view.state.is_terminal and book.alerts.keys() - {"failed"}:
        kept = {rule: alert for rule, alert in book.alerts.items() if rule == "failed"}
        book = replace(book, alerts=kept, tallies={})
    look = Look(view, event, now, sign_at, book.memory)
    for rule in rules_for(event):
        is_known = rule.id in book.alerts or rule.id in book.tallies
        if rule.raised_by_time and event is not None and not is_known:
            continue
        finding = rule.judge(look)
        if finding is None or (finding in QUIET and not is_known):
            continue
        book = _judged(book, rule, finding, look)
    if event is None:
        return book
    memory = remember(book.memory, view, event, now, frozen=book.alerts.keys())
    return book if memory is book.memory else replace(book, memory=memory)


def acknowledge(book: AlertBook, rule: str, by: str) -> AlertBook:
    """The book with this alert seen by somebody; a later one of the same rule is a new alert."""
    return _with(book, replace(book.alerts[rule], acknowledged_by=by)) if rule in book.alerts else book


def snooze(book: AlertBook, rule: str, until: float) -> AlertBook:
    """The book with this alert silent until then (unix seconds)."""
    return _with(book, replace(book.alerts[rule], snoozed_until=until)) if rule in book.alerts else book


def _with(book: AlertBook, alert: Alert) -> AlertBook:
    return replace(book, alerts={**book.alerts, alert.rule: alert})


def _without(entries: dict[str, Tally], rule: str) -> dict[str, Tally]:
    return {name: tally for name, tally in entries.items() if name != rule} if rule in entries else entries


def _judged(book: AlertBook, rule: Rule, finding: Finding, look: Look) -> AlertBook:
    standing = book.alerts.get(rule.id)
    if finding.level is Level.FIRING:
        return _fired(book, rule, finding, look, standing)
    if standing is None or finding.level is Level.BETWEEN:
        tallies = _without(book.tallies, rule.id)
        return book if tallies is book.tallies else replace(book, tallies=tallies)
    tally = book.tallies.get(rule.id, Tally())
    since = tally.calm_since if tally.calm else look.now
    tally = Tally(calm=tally.calm + 1, calm_since=since)
    if tally.calm < rule.calm_looks or look.now - since < rule.calm_seconds:
        return replace(book, tallies={**book.tallies, rule.id: tally})
    alerts = {name: alert for name, alert in book.alerts.items() if name != rule.id}
    return replace(book, alerts=alerts, tallies=_without(book.tallies, rule.id))


def _fired(book: AlertBook, rule: Rule, finding: Finding, look: Look, standing: Alert | None) -> AlertBook:
    if standing is not None:
        said = replace(standing, severity=finding.severity or rule.severity, text=finding.text)
        said = replace(said, evidence=finding.evidence)
        tallies = _without(book.tallies, rule.id)
        return (
            book
            if said == standing and tallies is book.tallies
            else replace(_with(book, said), tallies=tallies)
        )
    firing = book.tallies.get(rule.id, Tally()).firing + 1
    if firing < rule.firing_looks:
        return replace(book, tallies={**book.tallies, rule.id: Tally(firing=firing)})
    alert = Alert(
        rule=rule.id,
        severity=finding.severity or rule.severity,
        run=look.view.run,
        text=finding.text,
        evidence=finding.evidence,
        key=rule.key,
        since=look.now,
    )
    return replace(_with(book, alert), tallies=_without(book.tallies, rule.id))
