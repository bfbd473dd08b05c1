"""An evaluation fanned out by the real watcher over real containers of the real trainer: what is counted is
what one container finds for the same prompts, also when a slice is lost, a container and the watcher killed.

MIDDLEWATCH_SEED=… python -m pytest -n0 -s tests/faults/test_evaluation_slices.py
"""

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trainer_cloud import ROOT, SMALL, TrainerCloud, chosen_seed, run_script

from tui_app.evaluation_plan import Plan
from tui_app.watcher.evaluator import calls_note

CLIENT = Path(__file__).with_name("evaluation_client.py")
RUN, STEP, PROMPTS, SLICES = "scored", 8, 30, 4
PARTS = dict(enumerate(Plan(step=STEP, prompts=PROMPTS, slices=SLICES).parts(), 1))
PATIENCE_SECONDS = 120.0
pytestmark = pytest.mark.timeout(400)


class Station:
    """A cloud of its own with one trained run, and the command as an operator types it."""

    def __init__(self, root: Path) -> None:
        self.cloud = TrainerCloud(root)
        self.cloud.up()
        config = root / "config.json"
        config.write_text(json.dumps(SMALL.to_json() | {"steps": STEP}))
        self.run("spawn", "--name", RUN, "--config", str(config), "--follow")
        self.direct = self.client(do="score", run=RUN, count=PROMPTS)["scores"]

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tui_app", "--target", "local", *words]
        environment = self.cloud.environment | {"MIDDLEWATCH_TARGET": "local"}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str) -> str:
        process = self.start(*words)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, out[-2000:] + err[-2000:]
        return out

    def client(self, **task: Any) -> dict[str, Any]:
        return run_script(CLIENT, task, seconds=PATIENCE_SECONDS, environment=self.cloud.environment)

    def fault(self, *words: str) -> None:
        command = [sys.executable, "-m", "remote.local_cloud", "fault", *words]
        subprocess.run(command, cwd=ROOT, env=self.cloud.environment, check=True, capture_output=True)

    @property
    def state(self) -> Path:
        return self.cloud.root / "s" / "middlewatch" / "local"

    def calls(self, evaluation_id: str) -> dict[int, str]:
        """The calls of an evaluation, once the watcher has made all of them."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.closing(sqlite3.connect(self.state / "journal.db")) as journal:
                key = f"note/{calls_note(evaluation_id)}"
                row = journal.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            calls = {int(number): call for number, call in json.loads(row[0] if row else "{}").items()}
            if len(calls) == SLICES:
                return calls
            assert time.monotonic() < deadline, "the slices were not called"
            time.sleep(0.05)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run("logs", RUN, "--json").splitlines()]

    def figures(self, lost: frozenset[int] = frozenset()) -> dict[str, float]:
        """What one container found, without the prompts of these slices."""
        kept = [
            score
            for number, (first, count) in PARTS.items()
            if number not in lost
            for _, *score in self.direct[first : first + count]
        ]
        mean = sum(reward for reward, _ in kept) / len(kept)
        exact = sum(exact for _, exact in kept) / len(kept)
        return {"reward/mean": mean, "exact_match": exact, "prompts": len(kept)}


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    root = Path(tempfile.mkdtemp(prefix="ev-", dir="/tmp"))
    made: Station | None = None
    try:
        made = Station(root)
        yield made
    finally:
        command = [sys.executable, "-m", "tui_app", "down"]
        environment = TrainerCloud(root).environment
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60)
        shutil.rmtree(root, ignore_errors=True)


def test_slices_of_an_undisturbed_evaluation_make_up_the_figures_of_one_container(station: Station) -> None:
    document = json.loads(
        station.run("evaluate", RUN, "--prompts", str(PROMPTS), "--slices", str(SLICES), "--json")
    )
    assert (document["outcome"], document["done"], document["failures"]) == ("done", SLICES, [])
    assert len({score for _, score, _ in station.direct}) > 1, "figures that tell prompts apart"
    assert _without_seconds(document["metrics"]) == station.figures()


def test_with_a_slice_lost_and_a_container_and_the_watcher_killed_the_rest_counts_once(
    station: Station,
) -> None:
    rng = random.Random(chosen_seed())
    lost, killed = rng.sample(sorted(PARTS), 2)
    before = len(station.events())
    station.fault("no-capacity")
    telling = station.start(
        "evaluate", RUN, "--step", str(STEP), "--prompts", str(PROMPTS), "--slices", str(SLICES), "--json"
    )
    calls = station.calls(_begun(station, before))
    station.client(do="cancel", call=calls[lost])
    assert station.client(do="kill", call=calls[killed])["killed"]
    os.kill(json.loads((station.state / "watcher.lock").read_text())["pid"], signal.SIGKILL)
    out, err = telling.communicate(timeout=PATIENCE_SECONDS)
    document = json.loads(out)
    first, count = PARTS[lost]
    assert telling.returncode == 1, err
    assert document["failures"] == [
        {"slice": lost, "first": first + 1, "last": first + count, "error": "its call was cancelled"}
    ]
    assert (document["outcome"], document["done"], document["failed"]) == ("partial", SLICES - 1, 1)
    assert _without_seconds(document["metrics"]) == station.figures(frozenset({lost}))
    told = [event["type"] for event in station.events()[before:]]
    assert (told.count("evaluation.started"), told.count("evaluation.ended")) == (1, 1)
    assert not [type_ for type_ in told if type_.startswith("attempt.")], "no attempt was touched"


def _begun(station: Station, before: int) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        begun = [e for e in station.events()[before:] if e["type"] == "evaluation.started"]
        if begun:
            return str(begun[0]["data"]["id"])
        assert time.monotonic() < deadline, "the evaluation did not begin"


def _without_seconds(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name != "seconds"}
