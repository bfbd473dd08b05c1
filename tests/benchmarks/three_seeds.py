"""How soon the default recipe has learned to sort, from three seeds, on one core.

Learned: the mean reward of ten steps in a row reaches 0.9. Counted are the seconds of one core that the
steps took, so that a busy machine does not count.
"""

from __future__ import annotations

import time
from collections import deque

from remote.vocabulary.run_config import RunConfig
from tests.benchmarks.rows import Row

WANTED, STEPS_IN_A_ROW, BUDGET_SECONDS = 0.9, 10, 60.0


def run() -> list[Row]:
    """A row a seed."""
    return [_row(seed, *_learn(seed)) for seed in (0, 1, 2)]


def _learn(seed: int) -> tuple[float | None, int, float]:
    """Seconds of one core until it was learned (None: never), the step, and the reward there."""
    from remote.training.learner import Learner

    config = RunConfig(seed=seed)
    learner, rewards = Learner(config), deque[float](maxlen=STEPS_IN_A_ROW)
    began = time.process_time()
    for step in range(1, config.steps + 1):
        rewards.append(learner.step(step).metrics["reward/mean"])
        mean = sum(rewards) / len(rewards)
        if len(rewards) == STEPS_IN_A_ROW and mean >= WANTED:
            return time.process_time() - began, step, mean
    return None, config.steps, mean


def _row(seed: int, seconds: float | None, step: int, reward: float) -> Row:
    return Row(
        name=f"three_seeds/{seed}",
        ours=seconds,
        unit="s of one core to reward 0.9",
        budget="≤ 60",
        ok=seconds is not None and seconds <= BUDGET_SECONDS,
        note=f"step {step}, mean reward of {STEPS_IN_A_ROW} steps {reward:.3f}",
    )
