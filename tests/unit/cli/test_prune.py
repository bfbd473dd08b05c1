"""Pruning takes the bulk of what ended long ago, keeps the story, and never without being told to."""

import json
import sqlite3
import time

import msgspec
import pytest
from conftest import Middlewatch, in_terminal, record
from story import RUN, demo_story, live_story

from tui_app.exit_codes import ExitCode
from tui_app.journal.reader import JournalReader
from tui_app.journal.retention import BULK
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations


@pytest.fixture
def old(locations: Locations) -> Locations:
    """A run that ended 40 days ago, one that ended just now, and a live one that began long ago."""
    long_ago = time.time() - 40 * 86400
    record(locations, demo_story().events, now=long_ago)
    record(locations, [msgspec.structs.replace(e, run="new") for e in demo_story().events])
    record(locations, [msgspec.structs.replace(e, run="live") for e in live_story().events], now=long_ago)
    return locations


def counts(locations: Locations) -> dict[str, int]:
    reader = JournalReader(locations.journal)
    return {s.view.run: reader.count(s.view.run, BULK) for s in reader.views()}


def test_only_what_ended_before_is_thinned_and_its_story_stays(
    old: Locations, middlewatch: Middlewatch
) -> None:
    before, shown = counts(old), middlewatch("show", RUN, "--json").stdout
    done = middlewatch("prune", "--older-than", "30d", "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.startswith("thinned 1 run, ")
    after = counts(old)
    assert after == {**before, RUN: 0}
    again = json.loads(middlewatch("show", RUN, "--json").stdout)
    assert again["committed"] == json.loads(shown)["committed"]
    types = {row.event.type for row in JournalReader(old.journal).events(RUN)}
    assert {"run.spawned", "attempt.ended", "volume.committed", "run.ended"} <= types
    with sqlite3.connect(old.journal) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    JournalWriter(old.journal).close()
    assert middlewatch("prune", "--older-than", "30d").stdout.startswith("nothing to thin")


def test_without_a_yes_nothing_is_done(old: Locations, middlewatch: Middlewatch) -> None:
    before = counts(old)
    done = middlewatch("prune", "--older-than", "30d")
    assert done.returncode == ExitCode.REFUSED
    assert "--yes" in done.stderr
    code, out = in_terminal(["prune", "--older-than", "30d"], 100, 30, typed="\n")
    assert code == ExitCode.REFUSED
    assert f"1 run, {before[RUN]:,} events" in out
    assert counts(old) == before


def test_a_length_that_is_none_is_named(middlewatch: Middlewatch) -> None:
    done = middlewatch("prune", "--older-than", "old")
    assert done.returncode == ExitCode.USAGE
    assert "'old'" in done.stderr
