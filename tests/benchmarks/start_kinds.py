"""From the spawn to the first line of `train`, in a cold container and in a warm spare.

The real class in a local cloud of its own. The end is the claim, the first thing that `train` does; what
is read beside it is the container's own account (``boot_seconds``).
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from remote.vocabulary.run_config import RunConfig
from tests.benchmarks.rows import Row
from tests.faults.trainer_cloud import TrainerCloud, trainer_cloud

STARTS = 3
SPARE_SECONDS = 120.0
STATUS_SECONDS = 3.0
"""The cloud's status may be that old, and still name the spare that was used last."""
BUDGET_RATIO = 50.0
CONFIG = RunConfig(steps=1, prompts_per_step=4, group_size=4, wandb="disabled", gpu="")


def run() -> list[Row]:
    """One row: the medians, and cold in relation to warm."""
    with trainer_cloud(spares=0) as cloud:
        cold = [_start(cloud, f"cold-{n}") for n in range(STARTS)]
    with trainer_cloud(spares=1) as cloud:
        warm = [_start(_with_spare(cloud), f"warm-{n}") for n in range(STARTS)]
    kinds = {start["start"] for start in warm}
    ratio = _median(cold, "total") / _median(warm, "total")
    note = (
        f"boot alone {_median(warm, 'boot'):.3f} s against {_median(cold, 'boot'):.2f} s, medians of {STARTS}"
    )
    return [
        Row(
            name="start_kinds",
            ours=_median(warm, "total"),
            peer=_median(cold, "total"),
            unit="s, spawn → train",
            ratio=ratio,
            budget="≥ 50 × faster than cold",
            ok=ratio >= BUDGET_RATIO and kinds == {"warm_spare"},
            note=note if kinds == {"warm_spare"} else f"{note}; the warm starts were {kinds}",
        )
    ]


def _with_spare(cloud: TrainerCloud) -> TrainerCloud:
    """The cloud, once a spare is parked."""
    deadline = time.monotonic() + SPARE_SECONDS
    time.sleep(STATUS_SECONDS)
    while not cloud.status()["spares_ready"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no warm spare within {SPARE_SECONDS:.0f} s")
        time.sleep(0.5)
    return cloud


def _start(cloud: TrainerCloud, run: str) -> dict[str, Any]:
    story = cloud.carry_out({"run": run, "config": CONFIG.to_json()}, seconds=120)
    claim = next(event for event in story["events"] if event["type"] == "attempt.claimed")
    data = claim["data"]
    return {
        "start": data["start"],
        "boot": data["boot_seconds"],
        "total": story["claimed"] - story["spawned"][0],
    }


def _median(starts: list[dict[str, Any]], name: str) -> float:
    return float(statistics.median(start[name] for start in starts))
