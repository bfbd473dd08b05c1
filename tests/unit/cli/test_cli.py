"""The command itself: every answer is one line and an exit status, never a traceback or an escape."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from conftest import Middlewatch, in_terminal, record
from story import RUN, demo_story, live_story

from tui_app.exit_codes import ExitCode
from tui_app.locations import Locations


def said(done: subprocess.CompletedProcess[str], code: ExitCode) -> str:
    """The one line of a refusal."""
    assert "Traceback" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_an_unknown_run_is_named_with_the_known_ones(locations: Locations, middlewatch: Middlewatch) -> None:
    record(locations, demo_story().events)
    for verb in ("show", "logs", "open"):
        line = said(middlewatch(verb, "nope"), ExitCode.USAGE)
        assert "'nope'" in line
        assert RUN in line


def test_a_hostile_run_name_cannot_drive_the_terminal(middlewatch: Middlewatch) -> None:
    line = said(middlewatch("show", "x\x1b]0;t\x07\x9b31m"), ExitCode.USAGE)
    assert line.isprintable()


def test_a_live_run_is_not_resumed(locations: Locations, middlewatch: Middlewatch) -> None:
    record(locations, live_story().events)
    line = said(middlewatch("resume", RUN), ExitCode.REFUSED)
    assert "live (RUNNING)" in line
    assert f"stop {RUN}" in line


def test_a_finished_run_is_not_resumed(locations: Locations, middlewatch: Middlewatch) -> None:
    record(locations, demo_story().events)
    assert "all of its 250 steps" in said(middlewatch("resume", RUN), ExitCode.REFUSED)


def test_a_run_is_resumed_only_from_a_step_that_is_committed(
    locations: Locations, middlewatch: Middlewatch
) -> None:
    story = live_story()
    story.commit(1, 14, 3)
    story.say("checkpoint.deleted", 1, step=10, name="step_00000010.a0001")
    story.end(1, "STOPPED", 14)
    record(locations, story.events)
    line = said(middlewatch("resume", RUN, "--from", "10"), ExitCode.USAGE)
    assert "--from is 10; allowed is a committed step: 14" in line


@pytest.mark.parametrize(
    ("arguments", "value", "allowed"),
    [
        (["--steps", "0"], "steps is 0", "1 to 1000000"),
        (["--steps", "many"], "'many'", "integer"),
        (["--fail-at-step", "300"], "300", "a step from 1 to 250"),
        (["--gpu", "H100:9"], "H100:9", "1 to 8"),
        (["--task", "sort-cats"], "sort-cats", "sort-digits"),
        (["--max-retries", "11"], "max_retries is 11", "0 to 10"),
        (["--name", "My Run"], "'My Run'", "a-z"),
        (["--config", "/nowhere.json"], "/nowhere.json", "No such file"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(
    middlewatch: Middlewatch, arguments: list[str], value: str, allowed: str
) -> None:
    line = said(middlewatch("spawn", *arguments), ExitCode.USAGE)
    assert value in line
    assert allowed in line


def test_an_unknown_field_of_a_config_file_is_named(home: Path, middlewatch: Middlewatch) -> None:
    path = home / "run.json"
    path.write_text(json.dumps({"stepz": 5}))
    assert "stepz" in said(middlewatch("spawn", "--config", str(path)), ExitCode.USAGE)
    path.write_text("[1]")
    assert "no JSON object" in said(middlewatch("spawn", "--config", str(path)), ExitCode.USAGE)


def test_a_dead_daemon_is_said_with_what_starts_it(locations: Locations, middlewatch: Middlewatch) -> None:
    assert "cloud up" in said(middlewatch("spawn"), ExitCode.REFUSED)
    record(locations, live_story().events)
    for verb in ("checkpoint", "preempt", "stop"):
        assert "cloud up" in said(middlewatch(verb, RUN), ExitCode.REFUSED)
    assert "cloud up" in said(middlewatch("deploy"), ExitCode.REFUSED)


def test_a_missing_modal_token_is_said(middlewatch: Middlewatch) -> None:
    assert "modal token new" in said(middlewatch("spawn", "--target", "modal"), ExitCode.AUTH)


def test_an_unwritable_state_directory_is_named(home: Path, middlewatch: Middlewatch) -> None:
    (home / "file").write_text("")
    line = said(middlewatch("demo", XDG_STATE_HOME=str(home / "file")), ExitCode.REFUSED)
    assert str(home / "file") in line


def test_a_state_directory_open_to_others_is_refused(locations: Locations, middlewatch: Middlewatch) -> None:
    locations.state.chmod(0o755)
    assert f"chmod 700 {locations.state}" in said(middlewatch("demo"), ExitCode.REFUSED)


def test_an_unknown_target_verb_or_option_is_one_line(middlewatch: Middlewatch) -> None:
    assert "local or modal" in said(middlewatch("list", "--target", "mars"), ExitCode.USAGE)
    assert "local or modal" in said(middlewatch("list", MIDDLEWATCH_TARGET="mars"), ExitCode.USAGE)
    assert "'launch'" in said(middlewatch("launch"), ExitCode.USAGE)
    assert "--wat" in said(middlewatch("list", "--wat"), ExitCode.USAGE)


def test_an_error_is_json_where_json_was_asked_for(middlewatch: Middlewatch) -> None:
    done = middlewatch("show", "nope", "--json")
    assert json.loads(done.stderr)["exit"] == done.returncode == ExitCode.USAGE
    assert done.stdout == ""


def test_a_damaged_journal_is_one_line(locations: Locations, middlewatch: Middlewatch) -> None:
    locations.journal.write_bytes(b"not a database at all" * 400)
    assert str(locations.journal) in said(middlewatch("list"), ExitCode.ERROR)


def test_list_without_a_journal_says_how_to_start(middlewatch: Middlewatch) -> None:
    done = middlewatch("list")
    assert done.returncode == ExitCode.OK
    assert "spawn" in done.stdout
    assert json.loads(middlewatch("list", "--json").stdout) == {
        "target": "local",
        "watcher": None,
        "runs": [],
    }


def test_list_shows_every_run_aligned_with_ages(locations: Locations, middlewatch: Middlewatch) -> None:
    record(locations, demo_story().events)
    other = [msgspec.structs.replace(event, run="other") for event in live_story().events]
    record(locations, other)
    lines = middlewatch("list").stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["RUN", "other", RUN]
    column = lines[0].index("STATE")
    assert lines[1][column:].startswith("RUNNING")
    assert lines[2][column:].startswith("SUCCEEDED")
    assert re.search(r"ended [\d.]+ s ago", lines[2])
    assert "watcher" in lines[3]


def test_show_names_the_committed_checkpoint(locations: Locations, middlewatch: Middlewatch) -> None:
    record(locations, demo_story().events)
    document = json.loads(middlewatch("show", RUN, "--json").stdout)
    assert document["state"] == "SUCCEEDED"
    assert document["committed"]["step"] == 250
    assert document["committed"]["name"] == "step_00000250.a0003"
    assert document["committed"]["position"] == 28
    assert document["counters"]["steps_redone"] == 11
    assert document["counters"]["committed_lost"] == 0
    assert [attempt["cause"] for attempt in document["attempts"]] == [
        "exception",
        "preempted_killed",
        "completed",
    ]
    text = middlewatch("show", RUN).stdout
    assert "step 250, step_00000250.a0003, position 28" in text


def test_logs_as_json_are_the_events_as_they_were_recorded(
    locations: Locations, middlewatch: Middlewatch
) -> None:
    story = demo_story()
    record(locations, story.events)
    lines = middlewatch("logs", "-f", RUN, "--json").stdout.splitlines()
    identities = [(event["attempt"], event["source"], event["seq"]) for event in map(json.loads, lines)]
    assert identities == [(event.attempt, event.source, event.seq) for event in story.events]


def test_nothing_that_a_run_says_reaches_the_terminal_raw(
    locations: Locations, middlewatch: Middlewatch
) -> None:
    story = live_story()
    story.say("exception.raised", 1, kind="\x1b[31mE\x07", message="a\nb\r\x9b2J\u202e", retryable=False)
    story.say(
        "run.ended", 1, state="FAILED", detail="\x1b]52;c;cm0=\x07\x1b[2J" * 3, step=14, committed_step=10
    )
    record(locations, story.events)
    for arguments in (["show", RUN], ["logs", RUN], ["open", RUN], ["list"], ["logs", RUN, "--json"]):
        out = middlewatch(*arguments).stdout
        assert all(line.isprintable() for line in out.splitlines()), out


def test_following_ends_with_the_run_and_says_whether_it_failed(
    locations: Locations, middlewatch: Middlewatch
) -> None:
    story = live_story()
    story.end(1, "FAILED", 14, reason="retries_exhausted", detail="DrillError")
    record(locations, story.events)
    done = middlewatch("open", RUN)
    assert done.returncode == ExitCode.RUN_FAILED
    assert "r7 FAILED (retries exhausted): step 14/250" in done.stdout
    assert "0 retries · 0 preemptions · steps redone 0 · commits 1 · committed lost 0" in done.stdout


def test_a_pipe_that_closes_early_ends_quietly(locations: Locations) -> None:
    record(locations, [*live_story().events])
    story = demo_story()
    record(locations, [msgspec.structs.replace(event, run="long") for event in story.events])
    for verb in ("logs", "open"):
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m tui_app {verb} long | head -1; exit ${{PIPESTATUS[0]}}"],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == 1


def test_a_terminal_too_small_is_told_the_size_needed(locations: Locations) -> None:
    code, out = in_terminal(["demo"], 60, 20)
    assert code == ExitCode.REFUSED
    assert "60x20" in out
    assert "80x24" in out


def test_a_dumb_terminal_gets_plain_lines(locations: Locations) -> None:
    record(locations, demo_story().events)
    code, out = in_terminal(["open", RUN], 100, 30, TERM="dumb")
    assert code == ExitCode.OK
    assert "\x1b" not in out
    assert "committed lost 0" in out


def test_the_version_and_the_exit_codes_are_printed(middlewatch: Middlewatch) -> None:
    assert "1.6" in middlewatch("--version").stdout
    assert "6 refused" in " ".join(middlewatch("--help").stdout.split())


def test_the_command_line_loads_nothing_heavy() -> None:
    script = "import sys, tui_app.cli; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"modal", "torch", "textual", "numpy", "aiohttp", "grpclib", "transformers", "wandb", "rich"}
    assert not heavy & set(done.stdout.split())
