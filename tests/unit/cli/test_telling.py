"""export, replay, audit, completion: what is recorded, for other people and other programs."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Middlewatch, in_terminal, record
from story import RUN, demo_story, live_story

from remote.vocabulary.commands import Intent, Outcome, OutcomeState, Verb
from tui_app.audit import deeds
from tui_app.exit_codes import ExitCode
from tui_app.journal.intents import IntentWriter
from tui_app.journal.reader import JournalReader
from tui_app.journal.records import Draft
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations


def test_what_is_exported_is_what_logs_say_as_json(
    locations: Locations, middlewatch: Middlewatch, home: Path
) -> None:
    record(locations, demo_story().events)
    path = home / "r7.jsonl"
    done = middlewatch("export", RUN, "-o", str(path))
    events = len(demo_story().events)
    assert done.stdout == f"{events} events of {RUN} in {path}\n"
    assert path.read_text() == middlewatch("logs", RUN, "--json").stdout
    assert middlewatch("export", RUN).stdout == path.read_text()
    assert [file.name for file in home.iterdir() if file.suffix == ".part"] == []


def test_steps_are_exported_as_csv_with_every_metric_and_not_a_number_as_such(
    locations: Locations, middlewatch: Middlewatch
) -> None:
    story = live_story()
    story.say("step.completed", 1, step=15, of=250, metrics={"loss": "NaN", "kl": 0.5, "=cmd()": 1})
    record(locations, story.events)
    rows = list(csv.DictReader(middlewatch("export", RUN, "--format", "csv").stdout.splitlines()))
    assert [int(row["step"]) for row in rows] == list(range(1, 16))
    assert (rows[-1]["loss"], rows[-1]["kl"], rows[0]["kl"]) == ("nan", "0.5", "")
    assert rows[0]["loss"] == "-0.1"
    assert "=cmd()" not in rows[0]


def test_an_export_that_cannot_be_written_leaves_nothing(
    locations: Locations, middlewatch: Middlewatch
) -> None:
    record(locations, demo_story().events)
    done = middlewatch("export", RUN, "-o", "/nowhere/r7.jsonl")
    assert done.returncode == ExitCode.ERROR
    assert "/nowhere/r7.jsonl" in done.stderr
    assert "xml" in middlewatch("export", RUN, "--format", "xml").stderr


def test_a_replay_says_what_following_the_run_said(
    locations: Locations, middlewatch: Middlewatch, home: Path
) -> None:
    record(locations, demo_story().events)
    followed = middlewatch("open", RUN).stdout.splitlines()
    path = home / "r7.jsonl"
    middlewatch("export", RUN, "-o", str(path))
    done = middlewatch("replay", str(path), XDG_STATE_HOME=str(home / "other"))
    assert done.returncode == ExitCode.OK
    assert done.stdout.splitlines() == followed[: len(done.stdout.splitlines())]
    assert "preempted" in done.stdout
    assert not (home / "other").exists()


def test_a_file_that_is_no_recording_is_refused_and_bad_lines_are_counted(
    locations: Locations, middlewatch: Middlewatch, home: Path
) -> None:
    record(locations, live_story().events)
    path = home / "mixed.jsonl"
    path.write_text("hello\x1b[2J\n" + middlewatch("export", RUN).stdout)
    done = middlewatch("replay", str(path))
    assert done.stderr == "middlewatch: 1 lines are no events and were left out\n"
    path.write_text("hello\n")
    assert "no line is an event" in middlewatch("replay", str(path)).stderr
    assert "No such file" in middlewatch("replay", str(home / "none")).stderr
    assert "--speed is 0" in middlewatch("replay", str(path), "--speed", "0").stderr


def test_a_replay_in_a_terminal_is_the_dashboard_and_leaves_nothing(
    locations: Locations, middlewatch: Middlewatch, home: Path
) -> None:
    record(locations, live_story().events)
    path = home / "r7.jsonl"
    middlewatch("export", RUN, "-o", str(path))
    command = ["replay", str(path), "--speed", "1000"]
    code, out = in_terminal(command, 100, 30, after={"14/250": "\x03"}, TMPDIR=str(home))
    assert code in (ExitCode.OK, ExitCode.INTERRUPTED)
    assert "Traceback" not in out
    assert [file.name for file in home.iterdir() if "replay" in file.name] == []


def intent(id: str, verb: Verb = Verb.STOP) -> Intent:
    return Intent(
        id=id, verb=verb, run=RUN, attempt=1, created_at=900.0, expires_at=960.0, by="ann", host="jump-1"
    )


def test_the_audit_has_ours_with_outcomes_and_colleagues_from_the_runs_records(
    locations: Locations, middlewatch: Middlewatch
) -> None:
    story = live_story()
    story.say(
        "command.done", 1, id="in-bob", verb="checkpoint", outcome="done", detail="step 14 is committed"
    )
    record(locations, story.events)  # the answer arrives before the question is seen
    writer = JournalWriter(locations.journal)
    theirs = {"id": "in-bob", "verb": "checkpoint", "by": "bob", "host": "jump-2\x1b[2J"}
    writer.say(RUN, Draft(attempt=1, type="intent.sent", data=theirs, t=950.0))
    writer.say(
        RUN, Draft(attempt=1, type="intent.sent", data={**theirs, "id": "in-1", "verb": "stop"}, t=901.0)
    )
    writer.close()
    writer = JournalWriter(locations.journal)
    writer.record_outcome(
        intent("in-1"), Outcome(intent="in-1", state=OutcomeState.REFUSED, detail="aimed wrong", at=902.0)
    )
    writer.close()
    for each in ("in-1", "in-2"):
        IntentWriter(locations.intents).write(intent(each))
    reader = JournalReader(locations.journal)
    found = deeds(reader, [intent("in-1"), intent("in-2")])
    assert [(d.id, d.by, d.outcome, d.ours) for d in found] == [
        ("in-1", "ann", "refused", True),
        ("in-2", "ann", "waiting", True),
        ("in-bob", "bob", "done", False),
    ]
    assert found[-1].detail == "step 14 is committed"
    out = middlewatch("audit", RUN).stdout
    assert all(line.isprintable() for line in out.splitlines())
    assert "bob@jump-2" in out
    documents = json.loads(middlewatch("audit", "--json").stdout)["deeds"]
    assert [each["by"] for each in documents] == ["ann", "ann", "bob"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_names_our_variable(middlewatch: Middlewatch, shell: str) -> None:
    assert "_MIDDLEWATCH_COMPLETE" in middlewatch("completion", shell).stdout
    assert "'csh'" in middlewatch("completion", "csh").stderr


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [
        ("middlewatch tri", 1, "triage"),
        ("middlewatch show r", 2, RUN),
        ("middlewatch open --as", 2, "--ascii"),
    ],
)
def test_the_shell_is_given_verbs_options_and_runs(
    locations: Locations, words: str, position: int, expected: str
) -> None:
    record(locations, demo_story().events)
    environment = {"_MIDDLEWATCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    done = subprocess.run(
        [sys.executable, "-m", "tui_app"], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [f"plain,{expected}"]
