"""alerts, acknowledge, snooze, triage: what is wrong, from the journal alone, ready to be pasted."""

import json
import re
import time

import msgspec
import pytest
from conftest import Middlewatch, record
from story import RUN, demo_story, live_story

from tui_app.exit_codes import ExitCode
from tui_app.locations import Locations
from tui_app.state.alert_book import Alert
from tui_app.state.alert_rules import RULES
from tui_app.state.alert_terms import AlertSeverity
from tui_app.triage import MAX_LINES, triage


def diverged(locations: Locations) -> None:
    story = live_story()
    metrics = {"loss": "NaN", "reward/mean": 0.1, "step_seconds": 0.25}
    story.say("step.completed", 1, step=15, of=250, metrics=metrics)
    record(locations, story.events)


def test_alerts_name_run_rule_evidence_and_age(locations: Locations, middlewatch: Middlewatch) -> None:
    diverged(locations)
    heading, line = middlewatch("alerts").stdout.splitlines()
    assert heading.split() == ["SEVERITY", "RUN", "RULE", "SINCE", "WHAT", "EVIDENCE"]
    assert re.match(
        r"critical +r7 +not_finite +[\d.]+ s ago +loss NaN at step 15 +loss NaN; last commit", line
    )
    (document,) = json.loads(middlewatch("alerts", RUN, "--json").stdout)["alerts"]
    assert (document["rule"], document["key"], document["acknowledged_by"]) == ("not_finite", "x", None)


def test_a_quiet_run_has_no_alert_and_says_so(locations: Locations, middlewatch: Middlewatch) -> None:
    record(locations, demo_story().events)
    assert middlewatch("alerts", RUN).stdout == f"no alert stands for {RUN}\n"
    assert json.loads(middlewatch("alerts", "--json").stdout) == {"target": "local", "alerts": []}


def test_alerts_are_lines_of_the_log_too(locations: Locations, middlewatch: Middlewatch) -> None:
    diverged(locations)
    assert (
        middlewatch("logs", RUN)
        .stdout.splitlines()[-1]
        .endswith("!!  critical: loss NaN at step 15: loss NaN; last commit is step 10")
    )


def test_every_rule_is_printed_in_words(middlewatch: Middlewatch) -> None:
    lines = middlewatch("alerts", "--rules").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(RULES)


@pytest.mark.parametrize(
    ("arguments", "named", "allowed"),
    [
        (["acknowledge", RUN, "mars"], "'mars'", "not_finite"),
        (["acknowledge", "nope", "silent"], "'nope'", RUN),
        (["snooze", RUN, "silent", "--for", "soon"], "'soon'", "30m"),
        (["snooze", RUN, "silent", "--for", "0m"], "'0m'", "30m"),
        (["alerts", "nope"], "'nope'", RUN),
    ],
)
def test_what_is_not_allowed_is_named_with_what_is(
    locations: Locations, middlewatch: Middlewatch, arguments: list[str], named: str, allowed: str
) -> None:
    diverged(locations)
    done = middlewatch(*arguments)
    assert done.returncode == ExitCode.USAGE
    assert named in done.stderr
    assert allowed in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_triage_says_state_fault_safety_stake_and_next(
    locations: Locations, middlewatch: Middlewatch
) -> None:
    diverged(locations)
    lines = middlewatch("triage", RUN).stdout.splitlines()
    assert len(lines) <= MAX_LINES
    assert lines[0].startswith("**r7 RUNNING** · LIVE ")
    text = "\n".join(lines)
    assert "**critical** not_finite" in text
    assert "`loss NaN; last commit is step 10`" in text
    assert "safe: step 10 is committed (`step_00000010.a0001`, position 2" in text
    assert "a kill now costs 5 steps, about 1 s of work on" not in text
    assert "a kill now costs 5 steps" in text
    assert f" stop {RUN}` — then resume it" in text


def test_triage_of_a_run_that_ended_says_how_to_go_on(locations: Locations, middlewatch: Middlewatch) -> None:
    story = live_story()
    story.end(1, "FAILED", 14, reason="retries_exhausted", detail="DrillError")
    record(locations, story.events)
    text = middlewatch("triage", RUN).stdout
    assert "**r7 FAILED** (retries exhausted)" in text
    assert "4 steps after the last commit are lost" in text
    assert f"resume {RUN}`" in text


def test_triage_stays_short_and_cannot_be_formatted_by_a_run() -> None:
    story = demo_story()
    alert = Alert(
        rule="silent",
        severity=AlertSeverity.CRITICAL,
        run=RUN,
        text="x`](http://evil) @channel\n# big",
        evidence="\x1b[31mred`",
        key="enter",
        since=0.0,
    )
    alerts = [msgspec.structs.replace(alert, since=float(n)) for n in range(9)]
    last = [f"event {n} `code`" for n in range(50)]
    lines = triage(story.view, alerts, heard="LIVE", now=time.time(), command="middlewatch", last=last)
    assert len(lines) <= MAX_LINES
    assert all(line.isprintable() for line in lines)
    for line in lines:
        assert line.count("`") % 2 == 0
    assert any("and 5 alerts more" in line for line in lines)


@pytest.mark.parametrize(
    ("command", "said"), [("no-such-command-anywhere", "can be found"), ("cat 'open", "No closing quotation")]
)
def test_a_command_for_alerts_that_cannot_run_is_refused_at_once(
    middlewatch: Middlewatch, command: str, said: str
) -> None:
    for verb in ("watch", "open"):
        done = middlewatch(verb, "--on-alert", command)
        assert done.returncode == ExitCode.USAGE
        assert said in done.stderr


def test_watch_says_what_keeps_it_from_recording(middlewatch: Middlewatch) -> None:
    done = middlewatch("watch", "--on-alert", "cat")
    assert done.returncode == ExitCode.REFUSED
    assert "cloud up" in done.stderr
