"""The real dashboard over the real watcher, local cloud and trainer, driven by keys from spawn to resume."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import LARGE, Board, Open

from remote.vocabulary.events import Event
from remote.vocabulary.run_states import EndCause, RunState
from tui_app.journal.reader import JournalReader, RunSummary
from tui_app.locations import Locations
from tui_app.screens.confirm import ConfirmScreen
from tui_app.screens.spawn import SpawnScreen

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240.0
"""A real run on a machine that may be busy."""
EXACT = ("loss", "reward/mean", "entropy", "mismatch_kl", "grad_norm")
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def home() -> Iterator[dict[str, str]]:
    """A state of its own with a local cloud, the trainer app and a watcher in it."""
    with tempfile.TemporaryDirectory(prefix="mw", dir="/tmp") as directory:
        environment = {"XDG_STATE_HOME": f"{directory}/s", "XDG_RUNTIME_DIR": f"{directory}/r"}
        os.mkdir(environment["XDG_RUNTIME_DIR"], 0o700)
        try:
            middlewatch(environment, "cloud", "up")
            middlewatch(environment, "deploy")
            yield environment
        finally:
            middlewatch(environment, "down")


@pytest.fixture
def target(locations: Locations, home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Locations:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    found = Locations.of("local")
    found.prepare()
    return found


def middlewatch(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "tui_app", *arguments]
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


class Record:
    """What the journal has of one run, read as any viewer reads it."""

    def __init__(self, place: Locations, run: str) -> None:
        self._reader, self._run = JournalReader(place.journal), run

    def summary(self) -> RunSummary:
        found = self._reader.view(self._run)
        assert found is not None
        return found

    def events(self) -> list[Event]:
        return [row.event for row in self._reader.events(self._run, limit=100_000)]

    def steps(self) -> list[tuple[int, int]]:
        """(attempt, step) of every finished step."""
        return [(e.attempt, e.data["step"]) for e in self.events() if e.type == "step.completed"]

    def replayed(self) -> dict[int, list[tuple[float, ...]]]:
        """The metrics of every step that was done more than once."""
        seen: dict[int, list[tuple[float, ...]]] = {}
        for event in self.events():
            if event.type == "step.completed":
                values = tuple(event.data["metrics"][name] for name in EXACT)
                seen.setdefault(event.data["step"], []).append(values)
        return {step: values for step, values in seen.items() if len(values) > 1}


async def sure(board: Board, key: str) -> None:
    """Press a destructive key, and then the button that does not have the focus."""
    await board.press(key)
    await board.until(lambda: isinstance(board.app.screen, ConfirmScreen))
    await board.press("tab", "enter")


async def test_a_run_from_spawn_to_resume_by_keys_alone(target: Locations, open_board: Open) -> None:
    async with open_board(None, size=LARGE, place=target, start_watcher=True) as board:
        board.patience = PATIENCE_SECONDS
        await board.shows("reachable")
        await board.press("s")
        await board.until(lambda: isinstance(board.app.screen, SpawnScreen))
        await board.press(*"60", *["pagedown"] * 4, *"13", "enter", "enter", "enter", "enter")
        await board.shows("DONE spawn sort-digits")
        await board.press("enter")
        await board.shows("sort-digits RUNNING · step")
        record = Record(target, "sort-digits")

        await board.shows("BACKOFF", "retry 1/3")
        await board.until(lambda: {11, 12, 13} <= set(record.replayed()))
        assert all(len(set(values)) == 1 for values in record.replayed().values())

        await board.until(lambda: len(record.steps()) >= 20)
        await board.press("c")
        await board.shows("DONE checkpoint sort-digits")

        await sure(board, "p")
        await board.until(lambda: len(record.summary().view.attempts) == 3)
        await board.until(lambda: record.steps()[-1][0] == 3)
        view = record.summary().view
        assert view.attempts[1].cause is EndCause.PREEMPTED_DRAINED
        assert (view.preemptions, view.retries_used, view.steps_redone) == (1, 1, 3)

        await sure(board, "x")
        await board.shows("STOPPED")
        stopped_at = record.summary().view.committed_step
        assert stopped_at == record.summary().view.step
        await sure(board, "r") if await asks(board, "r") else None
        await board.until(lambda: record.summary().view.state is RunState.SUCCEEDED)
        resumed = record.summary().view
        assert (resumed.attempts[3].resumed_from, resumed.step, resumed.committed_step) == (
            stopped_at,
            60,
            60,
        )
        assert (resumed.committed_lost, resumed.gaps) == (0, ())


async def asks(board: Board, key: str) -> bool:
    """Press a key; whether it wants a confirmation (then it is taken back)."""
    await board.press(key)
    if not isinstance(board.app.screen, ConfirmScreen):
        return False
    await board.press("escape")
    return True


async def test_a_preemption_without_grace_is_repeated_exactly_and_the_dashboard_misses_nothing(
    home: dict[str, str], target: Locations, open_board: Open
) -> None:
    length = ["--steps", "240", "--checkpoint-interval", "80"]
    middlewatch(home, "spawn", "--name", "graceless", *length, "--grace-seconds", "0")
    record = Record(target, "graceless")
    async with open_board("graceless", size=LARGE, place=target) as board:
        board.patience = PATIENCE_SECONDS
        await board.shows("RUNNING · step")
        # Far from the next boundary: an attempt that ends on one has nothing to redo.
        await board.until(lambda: 4 <= (record.steps() or [(0, 0)])[-1][1] % 80 <= 40)
        await sure(board, "p")
        await board.shows("DONE preempt graceless")
        before = len(record.events())

    async with open_board("graceless", size=LARGE, place=target) as board:
        board.patience = PATIENCE_SECONDS
        await board.until(lambda: record.summary().view.state is RunState.SUCCEEDED)
        view, events = record.summary().view, record.events()
        assert len(events) > before
        assert view.attempts[0].cause is EndCause.PREEMPTED_KILLED
        replayed = record.replayed()
        assert len(replayed) == view.steps_redone > 0
        assert all(len(set(values)) == 1 for values in replayed.values())
        assert len({event.key for event in events}) == len(events)
        for source in {(e.attempt, e.source) for e in events}:
            numbers = [e.seq for e in events if (e.attempt, e.source) == source]
            assert sorted(numbers) == list(range(1, len(numbers) + 1))
        await board.until(lambda: board.app.desk.track.last_step == 240)
