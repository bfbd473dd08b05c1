"""The documents and tables of `list` and `show`: stable keys, words for what JSON lacks."""

import json

from msgspec.structs import replace
from story import RUN, Story, demo_story, live_story

from tui_app.documents import run_document, watcher_document
from tui_app.journal.records import RunSummary, WatcherStatus
from tui_app.listing import run_lines, run_table, seen, watcher_line
from tui_app.state.view import RunView

STATUS = WatcherStatus(
    pid=7,
    started_at=0.0,
    beat_at=100.0,
    target="local",
    workspace="",
    reachable=True,
    reachable_since=0.0,
    detail="",
    watcher_id="w1",
    version="1",
)
KEYS = {
    *("level", "function", "cost"),
    *("run", "target", "state", "reason", "detail", "freshness", "sign_age", "event_age", "attempt", "phase"),
    *(
        "step",
        "of",
        "reward",
        "metrics",
        "committed",
        "saved",
        "uncommitted_steps",
        "counters",
        "gpu",
        "config",
    ),
    *("generation", "call_id", "by", "host", "model", "parameters", "backoff", "drain", "spawned_at"),
    *("state_since", "step_at", "drills", "gaps", "attempts", "commits", "evaluation"),
}


def summary(view: RunView, sign_at: float | None = None) -> RunSummary:
    return RunSummary(view, 1, sign_at)


def test_the_keys_are_the_same_whatever_is_known() -> None:
    for view in (RunView(run=RUN), live_story().view, demo_story().view):
        document = run_document(summary(view), None, 5000.0, target="local")
        assert set(document) == KEYS
        assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_nothing_committed_is_null_and_a_commit_is_named() -> None:
    assert run_document(summary(RunView(run=RUN)), None, 0.0, target="local")["committed"] is None
    committed = run_document(summary(live_story().view), None, 0.0, target="local")["committed"]
    assert (committed["step"], committed["name"], committed["position"]) == (10, "step_00000010.a0001", 2)
    assert committed["t"].endswith("Z")


def test_a_diverged_metric_is_a_word() -> None:
    story = Story()
    story.spawn()
    story.claim(1)
    story.say(
        "step.completed", 1, step=1, of=9, metrics={"loss": "NaN", "t": 1.0, "reward/mean": "-Infinity"}
    )
    document = run_document(summary(story.view), None, 0.0, target="local")
    assert document["metrics"] == {"loss": "NaN", "t": 1.0, "reward/mean": "-Infinity"}
    assert document["reward"] == "-Infinity"


def watched(now: float) -> WatcherStatus:
    return replace(STATUS, beat_at=now - 2.0)


def test_freshness_is_of_live_runs_and_of_our_own_link() -> None:
    live = summary(live_story().view, sign_at=1000.0)
    for now, words in ((1001.0, "LIVE 1 s"), (1030.0, "LATE 30 s"), (1090.0, "SILENT 1 min 30 s")):
        assert seen(live, watched(now), now) == words
    document = run_document(live, watched(1030.0), 1030.0, target="local")
    assert (document["freshness"], document["sign_age"]) == ("LATE", 30.0)
    ended = run_document(summary(demo_story().view, 1000.0), STATUS, 1030.0, target="local")
    assert ended["freshness"] is None


def test_a_first_boot_is_late_nowhere_but_silent_at_last() -> None:
    story = Story()
    story.spawn()
    booting = summary(story.view)
    began = booting.view.last_event_at
    assert began is not None
    for age, word in ((40.0, "LIVE"), (61.0, "SILENT")):
        now = began + age
        assert seen(booting, watched(now), now).split()[0] == word
        assert run_document(booting, watched(now), now, target="local")["freshness"] == word


def test_an_unreachable_target_is_not_the_runs_silence() -> None:
    away = replace(watched(1001.0), reachable=False, reachable_since=1000.0, detail="connection refused")
    assert seen(summary(live_story().view, 1000.0), away, 1001.0) == "UNREACHABLE 1 s"
    line = watcher_line(away, 1030.0, running=True, command="middlewatch")
    assert line == "watcher: LOCAL UNREACHABLE for 30 s: connection refused"


def test_with_a_dead_watcher_no_run_is_called_silent() -> None:
    live = summary(live_story().view, sign_at=1000.0)
    assert seen(live, watched(1090.0), 1090.0).startswith("SILENT")
    assert seen(live, STATUS, 1090.0).startswith("UNREACHABLE")
    assert run_document(live, STATUS, 1090.0, target="local")["freshness"] == "UNREACHABLE"


def test_a_stopped_watcher_is_said_with_its_age() -> None:
    line = watcher_line(STATUS, 400.0, running=False, command="middlewatch")
    assert line == "no watcher is recording (the last one 5 min 0 s ago); start it: middlewatch open"
    document = watcher_document(STATUS, 400.0, running=False)
    assert document is not None
    assert (document["running"], document["beat_age"]) == (False, 300.0)


def test_columns_line_up() -> None:
    rows = run_table([summary(live_story().view), summary(RunView(run="a-longer-name"))], STATUS, 2000.0)
    starts = {row.index(word) for row, word in zip(rows, ("STATE", "RUNNING", "QUEUED"), strict=True)}
    assert len(starts) == 1


def test_a_run_that_waits_says_for_what() -> None:
    story = live_story()
    story.fail(1, 14, 10)
    lines = run_lines(summary(story.view), STATUS, story.t + 2.0)
    text = "\n".join(lines)
    assert "retry 1 of 3 in 3 s" in text
    assert "exception at 34, preempt at 77, commit_failure at 100" in text
    assert "4 steps" in text


def test_a_gap_is_shown_with_its_range() -> None:
    story = live_story()
    del story.events[5:8]
    text = "\n".join(run_lines(summary(story.view), STATUS, 2000.0))
    assert "3 missing: attempt 1 trainer 5-7" in text
