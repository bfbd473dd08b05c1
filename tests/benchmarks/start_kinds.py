"""From the spawn to the first line of `train`: in a cold container, in a warm spare, in a fork of a template
that waits and in one that is made when it is asked for.

The real class in a local cloud of its own. The end is the claim, the first thing that `train` does; what
is read beside it is the container's own account (``boot_seconds``).
"""

from __future__ import annotations

import contextlib
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
KINDS: dict[str, dict[str, int]] = {
    "cold": {},
    "start_kinds": {"spares": 1},
    "start_kinds_template": {"templates": 1, "spares": 1},
    "start_kinds_fork": {"templates": 1},
}
"""By the name of its row, what a cloud has: with a template, its spares are forks that wait."""
CONFIG = RunConfig(steps=1, prompts_per_step=4, group_size=4, wandb="disabled", gpu="")


def run() -> list[Row]:
    """A row for each kind: the medians, and cold in relation to it. The starts take turns."""
    with contextlib.ExitStack() as stack:
        clouds = {name: stack.enter_context(trainer_cloud(**has)) for name, has in KINDS.items()}
        starts: dict[str, list[dict[str, Any]]] = {name: [] for name in KINDS}
        for n in range(STARTS):
            for name, cloud in clouds.items():
                _await_ready(cloud, **KINDS[name])
                starts[name].append(_start(cloud, f"{name.replace('_', '-')}-{n}"))
    cold = starts.pop("cold")
    return [_row(name, cold, warm) for name, warm in starts.items()]


def _row(name: str, cold: list[dict[str, Any]], warm: list[dict[str, Any]]) -> Row:
    kinds = {start["start"] for start in warm}
    wanted = "warm_spare" if name == "start_kinds" else "template"
    ratio = _median(cold, "total") / _median(warm, "total")
    note = (
        f"boot alone {_median(warm, 'boot'):.3f} s against {_median(cold, 'boot'):.2f} s, medians of {STARTS}"
    )
    return Row(
        name=name,
        ours=_median(warm, "total"),
        peer=_median(cold, "total"),
        unit="s, spawn → train",
        ratio=ratio,
        budget="≥ 50 × faster than cold",
        ok=ratio >= BUDGET_RATIO and kinds == {wanted},
        note=note if kinds == {wanted} else f"{note}; the warm starts were {kinds}",
    )


def _await_ready(cloud: TrainerCloud, *, spares: int = 0, templates: int = 0) -> None:
    """Return once a spare is parked and a template loaded, as far as the cloud has them."""
    deadline = time.monotonic() + SPARE_SECONDS
    time.sleep(STATUS_SECONDS)
    while (status := cloud.status())["spares_ready"] < spares or status["templates"]["ready"] < templates:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready within {SPARE_SECONDS:.0f} s: {status}")
        time.sleep(0.5)


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
