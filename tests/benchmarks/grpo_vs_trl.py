"""Samples per second of our GRPO step against TRL's GRPOTrainer: same model, batch, updates and completion
length, one thread each, both warmed, taking turns so that a busy machine is busy for both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks import bench_environment, word_model
from tests.benchmarks.grpo_worker import CONFIG, SAMPLES, UPDATES
from tests.benchmarks.rows import Row

WARM, ROUNDS = 3, 15
BUDGET = "≥ 1.8 × TRL"
NAME, UNIT = "grpo_vs_trl", "samples/s"


def run() -> list[Row]:
    """One row, of medians."""
    try:
        theirs = bench_environment.python()
    except bench_environment.NotInstallableError as error:
        return [Row(name=NAME, ours=None, unit=UNIT, budget=BUDGET, note=f"TRL cannot be installed: {error}")]
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        tokens = word_model.save_default(Path(directory), CONFIG)
        workers = [
            stack.enter_context(_worker(python, kind, directory, str(tokens)))
            for python, kind in ((sys.executable, "ours"), (str(theirs), "trl"))
        ]
        for _ in range(WARM):
            for worker in workers:
                _turn(worker)
        seconds = [[_turn(worker) for worker in workers] for _ in range(ROUNDS)]
    ours, trl = (SAMPLES / statistics.median(column) for column in zip(*seconds, strict=True))
    ratio = statistics.median(b / a for a, b in seconds)
    return [
        Row(
            name=NAME,
            ours=ours,
            peer=trl,
            unit=UNIT,
            ratio=ratio,
            budget=BUDGET,
            ok=ratio >= 1.8,
            note=f"{SAMPLES} samples of ≤ {tokens} tokens, {UPDATES} updates; medians of {ROUNDS} turns each",
        )
    ]


@contextmanager
def _worker(python: str, *task: str) -> Iterator[subprocess.Popen[str]]:
    """A worker that is ready for its first turn."""
    command = [python, "-m", "tests.benchmarks.grpo_worker", *task]
    root = bench_environment.ROOT
    settings = {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    worker = subprocess.Popen(
        command, cwd=root, env=os.environ | settings, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        _answer(worker)
        yield worker
    finally:
        worker.kill()
        worker.wait()


def _turn(worker: subprocess.Popen[str]) -> float:
    assert worker.stdin is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    return float(_answer(worker))


def _answer(worker: subprocess.Popen[str]) -> str | float:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError(f"the worker ended with {worker.wait()}")
    answer: str | float = json.loads(line)
    return answer
