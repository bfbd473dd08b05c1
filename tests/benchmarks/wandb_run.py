"""The peer's data: a W&B offline run of the same twelve metrics, written by W&B itself.

python -m tests.benchmarks.wandb_run DIRECTORY --steps 10000             # recorded
python -m tests.benchmarks.wandb_run DIRECTORY --steps 0 --rate 50      # goes on until it is ended
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from tests.benchmarks.journal_run import metrics


def directory_of(root: Path) -> Path:
    """The run's directory below ``root``."""
    return next(root.glob("wandb/offline-run-*"))


def main() -> None:
    """Log steps as fast as they are taken, then at a rate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.0)
    given = parser.parse_args()
    os.environ |= {"WANDB_SILENT": "true", "WANDB_MODE": "offline"}
    import wandb

    given.directory.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(quiet=True, console="off")
    run = wandb.init(project="bench", name="bench", dir=str(given.directory), settings=settings)
    for step in range(1, given.steps + 1):
        run.log(metrics(step), step=step)
    (given.directory / "ready").touch()
    step, began = given.steps, time.monotonic()
    while given.rate:
        step += 1
        run.log(metrics(step), step=step)
        time.sleep(max(0.0, began + (step - given.steps) / given.rate - time.monotonic()))
    run.finish()


if __name__ == "__main__":
    main()
