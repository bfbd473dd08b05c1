"""The real watcher against a real local cloud, with Modal's own client and containers in between."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote.vocabulary.commands import Intent, Outcome, Verb
from remote.vocabulary.run_config import RunConfig
from remote.vocabulary.run_states import EndCause, RunState
from tui_app.journal.intents import IntentWriter
from tui_app.journal.reader import JournalReader, WatcherStatus
from tui_app.locations import Locations, local_cloud_state
from tui_app.state.view import RunView
from tui_app.targets import client_environment
from tui_app.watcher_launch import ensure_watcher, stop_watcher, watcher_running

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def cloud(verb: str) -> None:
    command = [sys.executable, "-m", "remote.local_cloud", verb]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


@pytest.fixture(scope="module")
def target() -> Iterator[None]:
    """A local cloud of our own with the small trainer deployed."""
    root = Path(tempfile.mkdtemp(prefix="mw-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(root / "s"))
        patch.setenv("XDG_RUNTIME_DIR", str(root))
        patch.setenv("LOCAL_CLOUD_SPARES", "0")
        patch.delenv("LOCAL_CLOUD_STATE", raising=False)
        try:
            cloud("up")
            subprocess.run(
                [sys.executable, "-m", "modal", "deploy", str(HERE / "small_trainer.py")],
                env=os.environ | client_environment("local"),
                check=True,
                capture_output=True,
            )
            yield
        finally:
            cloud("down")
            shutil.rmtree(root, ignore_errors=True)


class Station:
    """A viewer's side of one watcher: what it reads and what it asks."""

    def __init__(self, state: Path) -> None:
        self.locations = Locations("local", state)
        self.asked = 0

    def start(self) -> None:
        ensure_watcher(self.locations, "local")

    @property
    def pid(self) -> int:
        return int(json.loads(self.locations.watcher_lock.read_text())["pid"])

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        wait_for(lambda: not watcher_running(self.locations))

    def status(self) -> WatcherStatus:
        with contextlib.closing(JournalReader(self.locations.journal)) as reader:
            status = reader.status()
        assert status is not None
        return status

    def ask(self, verb: Verb, run: str, **args: Any) -> Outcome:
        self.asked += 1
        now = time.time()
        intent = Intent(
            id=f"i-{run}-{self.asked}",
            verb=verb,
            run=run,
            args=args,
            created_at=now,
            expires_at=now + 60.0,
            by="ada",
            host="jump-1",
        )
        with contextlib.closing(IntentWriter(self.locations.intents)) as writer:
            writer.write(intent)
        return wait_for(lambda: self.final(intent.id))  # type: ignore[no-any-return]

    def final(self, intent_id: str) -> Outcome | None:
        with contextlib.closing(JournalReader(self.locations.journal)) as reader:
            outcome = reader.outcome(intent_id)
        return outcome if outcome is not None and outcome.state.is_final else None

    def spawn(self, run: str, steps: int) -> Outcome:
        return self.ask(Verb.SPAWN, run, config=RunConfig(steps=steps).to_json())

    def view(self, run: str) -> RunView:
        with contextlib.closing(JournalReader(self.locations.journal)) as reader:
            summary = reader.view(run)
        return RunView(run=run) if summary is None else summary.view

    def keys(self, run: str) -> list[tuple[int, str, int]]:
        with contextlib.closing(JournalReader(self.locations.journal)) as reader:
            rows = reader.events(run, limit=100_000)
        return [(row.event.attempt, row.event.source, row.event.seq) for row in rows]


@pytest.fixture
def station(target: None, tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path)
    made.start()
    yield made
    stop_watcher(made.locations)


def is_whole(keys: list[tuple[int, str, int]]) -> bool:
    """Whether every source's numbers are dense and nothing is there twice."""
    highest: dict[tuple[int, str], int] = {}
    for attempt, source, seq in sorted(keys):
        if seq != highest.get((attempt, source), 0) + 1:
            return False
        highest[attempt, source] = seq
    return True


def test_every_verb_goes_through_the_real_client_to_a_real_container_and_back(station: Station) -> None:
    assert station.spawn("life", 100_000).state == "done"
    wait_for(lambda: station.view("life").step > 20)

    outcome = station.ask(Verb.CHECKPOINT, "life")
    assert (outcome.state, outcome.detail[:8]) == ("done", "at step ")

    assert station.ask(Verb.PREEMPT, "life").state == "done"
    wait_for(lambda: len(station.view("life").attempts) == 2 and station.view("life").step > 5)
    first = wait_for(lambda: station.view("life").attempts[0].cause and station.view("life").attempts[0])
    assert (first.cause, first.inferred) == (EndCause.KILLED_UNKNOWN, True)

    assert station.ask(Verb.RESUME, "life").state == "refused"
    assert station.ask(Verb.STOP, "life").state == "done"
    wait_for(lambda: station.view("life").state is RunState.STOPPED)

    assert station.ask(Verb.RESUME, "life", config=RunConfig(steps=10).to_json()).state == "done"
    view = wait_for(lambda: (v := station.view("life")).state is RunState.SUCCEEDED and v)
    assert (view.generation, [attempt.generation for attempt in view.attempts]) == (2, [1, 1, 2])
    assert view.gaps == ()
    assert is_whole(station.keys("life"))


def test_a_run_that_is_cancelled_behind_our_back_ends_as_stopped(station: Station) -> None:
    station.spawn("cancelled", 100_000)
    call_id = wait_for(lambda: station.view("cancelled").step and station.view("cancelled").call_id)
    code = f"import modal; modal.FunctionCall.from_id('{call_id}').cancel(terminate_containers=True)"
    env = os.environ | client_environment("local")
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    view = wait_for(lambda: (v := station.view("cancelled")).state.is_terminal and v)
    assert (view.state, view.attempts[0].cause) == (RunState.STOPPED, EndCause.STOPPED)


def test_a_watcher_killed_again_and_again_records_everything_once(station: Station) -> None:
    station.spawn("killed", 300)
    for target_step in (20, 60, 100, 150, 200, 250):
        wait_for(lambda step=target_step: station.view("killed").step >= step)
        station.kill()
        station.start()
    wait_for(lambda: station.view("killed").state is RunState.SUCCEEDED)
    keys = station.keys("killed")
    assert is_whole(keys)
    assert max(seq for _, source, seq in keys if source == "trainer") == 304
    assert station.view("killed").gaps == ()


def test_a_second_watcher_does_not_run_on_the_same_state(station: Station) -> None:
    pid = station.pid
    second = subprocess.run(
        [
            sys.executable,
            "-m",
            "tui_app.watcher",
            "--target",
            "local",
            "--state",
            str(station.locations.state),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert second.returncode == 0
    assert "another watcher records in" in second.stderr
    assert (station.pid, watcher_running(station.locations)) == (pid, True)
    station.start()
    assert station.pid == pid


def test_a_watcher_outlives_its_cloud_and_goes_on_when_it_is_back(station: Station) -> None:
    wait_for(lambda: station.status().reachable)
    pid = station.pid
    cloud("down")
    status = wait_for(lambda: not (s := station.status()).reachable and "cloud up" in s.detail and s)
    assert status.pid == pid
    cloud("up")
    wait_for(lambda: station.status().reachable)
    assert station.spawn("after", 5).state == "done"
    wait_for(lambda: station.view("after").state is RunState.SUCCEEDED)


def test_a_watcher_takes_up_another_token_by_itself(station: Station) -> None:
    wait_for(lambda: station.status().reachable)
    pid = station.pid
    cloud("down")
    wait_for(lambda: not station.status().reachable)
    (local_cloud_state() / "token.json").unlink()
    cloud("up")
    wait_for(lambda: station.status().reachable)
    assert station.spawn("token", 5).state == "done"
    assert station.pid == pid


def test_a_watcher_that_was_told_to_end_is_gone_and_the_next_one_goes_on(station: Station) -> None:
    station.spawn("stopped", 100)
    wait_for(lambda: station.view("stopped").step > 5)
    first = station.status().watcher_id
    assert stop_watcher(station.locations)
    assert not watcher_running(station.locations)
    assert not stop_watcher(station.locations)
    station.start()
    wait_for(lambda: station.view("stopped").state is RunState.SUCCEEDED)
    assert station.status().watcher_id == first
    assert is_whole(station.keys("stopped"))


def test_a_watcher_waits_for_a_cloud_that_does_not_run_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_CLOUD_STATE", str(tmp_path / "no-cloud"))
    waiting = Station(tmp_path / "state")
    waiting.start()
    try:
        status = waiting.status()
        assert (status.reachable, "middlewatch cloud up" in status.detail) == (False, True)
    finally:
        assert stop_watcher(waiting.locations)
