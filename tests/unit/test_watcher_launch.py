"""One watcher a state directory: who holds the lock, and what is said when it does not come up."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tui_app.build import build
from tui_app.locations import Locations
from tui_app.watcher_launch import (
    WatcherRunsError,
    WatcherStartError,
    ensure_watcher,
    hold_lock,
    stop_watcher,
    watcher_running,
)

HOLD = """
import os, sys, time
from pathlib import Path
import psutil
from tui_app.build import build
from tui_app.locations import Locations
from tui_app.watcher_launch import hold_lock
locations, born = Locations("local", Path(sys.argv[1])), psutil.Process().create_time()
with hold_lock(locations, pid=os.getpid(), started_at=born):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    return Locations("local", tmp_path)


def holder(locations: Locations) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(locations.state)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_is_held_while_its_holder_lives_and_not_a_moment_longer(locations: Locations) -> None:
    assert not watcher_running(locations)
    process = holder(locations)
    assert watcher_running(locations)
    process.kill()
    process.wait()
    assert not watcher_running(locations)


def test_nobody_else_gets_a_lock_that_is_held(locations: Locations) -> None:
    process = holder(locations)
    with (
        pytest.raises(WatcherRunsError, match="another watcher records in"),
        hold_lock(locations, pid=1, started_at=1.0, patience=0.1),
    ):
        pass
    assert process.poll() is None
    process.kill()
    process.wait()


def test_the_holder_is_ended_by_its_pid_and_start(locations: Locations) -> None:
    process = holder(locations)
    assert stop_watcher(locations)
    process.wait()
    assert not watcher_running(locations)
    assert not stop_watcher(locations)


def test_a_process_that_only_has_the_same_pid_is_left_alone(locations: Locations) -> None:
    with hold_lock(locations, pid=os.getppid(), started_at=1.0):
        assert not stop_watcher(locations)


def test_the_lock_file_is_closed_to_others(locations: Locations) -> None:
    before = os.umask(0o077)
    try:
        with hold_lock(locations, pid=1, started_at=1.0):
            assert stat.S_IMODE(locations.watcher_lock.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_watcher_that_cannot_begin_says_why(locations: Locations) -> None:
    locations.journal.write_bytes(b"no database" * 100)
    with pytest.raises(WatcherStartError, match=r"(?s)did not start.*move it away"):
        ensure_watcher(locations, "local")


def test_a_watcher_of_another_build_gives_way_to_one_of_ours(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(locations.state))
    old = holder(locations)
    lock = json.loads(locations.watcher_lock.read_text())
    locations.watcher_lock.write_text(json.dumps(lock | {"build": "older"}))
    try:
        ensure_watcher(locations, "local")
        assert old.wait(10) is not None
        assert json.loads(locations.watcher_lock.read_text())["build"] == build()
    finally:
        stop_watcher(locations)


def test_another_command_for_alerts_takes_a_new_watcher_and_the_same_one_does_not(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(locations.state))
    monkeypatch.delenv("MIDDLEWATCH_ON_ALERT", raising=False)

    def held() -> dict[str, object]:
        found: dict[str, object] = json.loads(locations.watcher_lock.read_text())
        return found

    try:
        ensure_watcher(locations, "local")
        first = held()
        assert first["on_alert"] == []
        ensure_watcher(locations, "local", on_alert=["cat", "two words"])
        second = held()
        assert second["on_alert"] == ["cat", "two words"]
        assert second["pid"] != first["pid"]
        ensure_watcher(locations, "local", on_alert=["cat", "two words"])
        ensure_watcher(locations, "local")
        assert held() == second
        locations.watcher_lock.write_text(json.dumps(second | {"build": "older"}))
        ensure_watcher(locations, "local")
        assert held()["on_alert"] == ["cat", "two words"]
        assert held()["pid"] != second["pid"]
    finally:
        stop_watcher(locations)
