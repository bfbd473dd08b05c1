"""The terminal rings once for each new alert, and only where the operator asked for it."""

import pytest
from msgspec.structs import replace

from tui_app.ringing import Ringer
from tui_app.state.alert_book import Alert
from tui_app.state.alert_terms import AlertSeverity

NOW = 1000.0


def alert(rule: str = "not_finite", text: str = "loss is NaN") -> Alert:
    return Alert(
        rule=rule,
        severity=AlertSeverity.CRITICAL,
        run="r7",
        text=text,
        evidence="",
        key="x",
        since=NOW,
    )


def test_what_stood_already_is_not_rung_for_and_what_is_new_is_once() -> None:
    ringer = Ringer(bell=True, osc9=False)
    old, new = alert("silent"), alert()
    assert ringer.signals([old], NOW) == ""
    assert ringer.signals([old, new], NOW) == "\a"
    assert ringer.signals([old, new], NOW) == ""
    assert ringer.signals([new], NOW) == ""
    assert ringer.signals([new, replace(old, since=NOW + 5)], NOW) == "\a"


def test_what_somebody_has_seen_or_silenced_is_quiet() -> None:
    ringer = Ringer(bell=True, osc9=True)
    assert ringer.signals([], NOW) == ""
    assert ringer.signals([replace(alert(), acknowledged_by="ana")], NOW) == ""
    assert ringer.signals([replace(alert("silent"), snoozed_until=NOW + 60)], NOW) == ""
    assert ringer.signals([replace(alert("silent"), snoozed_until=NOW + 60)], NOW + 61) != ""


def test_a_notification_cannot_carry_what_drives_a_terminal() -> None:
    ringer = Ringer(bell=False, osc9=True)
    ringer.signals([], NOW)
    told = ringer.signals([alert(text="bad \x1b]52;c;aGk=\x07 \x9c news"), alert("silent")], NOW)
    assert told.startswith("\x1b]9;critical r7: bad ")
    assert told.endswith(" (and 1 more)\x1b\\")
    assert not set("\x1b\x07\x9c") & set(told[4:-2])


@pytest.mark.parametrize("count", [0, 1, 5])
def test_by_default_nothing_is_rung(count: int) -> None:
    ringer = Ringer(bell=False, osc9=False)
    ringer.signals([], NOW)
    assert ringer.signals([alert(str(n)) for n in range(count)], NOW) == ""
