"""What one step gives back, and what the session needs from a learner. Knows no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from remote.training.ports import FileWriter
from remote.training.task import Score


def no_window() -> None:
    """The checkpoint window that nobody uses."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One finished optimiser step: its number (from 1), its metrics by name, and up to four
    samples ``{prompt, completion, reward, advantage}``."""

    step: int
    metrics: dict[str, float]
    samples: list[dict[str, Any]]

    def held_up(self, seconds: float) -> StepRecord:
        """The same with ``checkpoint_seconds``: how long checkpoints held this step up before it
        began. It is a part of ``step_seconds``."""
        whole = self.metrics.get("step_seconds", 0.0) + seconds
        metrics = self.metrics | {"step_seconds": whole, "checkpoint_seconds": seconds}
        return replace(self, metrics=metrics)


class SteppingLearner(Protocol):
    """A policy in training whose state after any finished step can be written down and read back."""

    @property
    def parameters(self) -> int:
        """Trainable numbers."""

    @property
    def steps_done(self) -> int:
        """Number of finished steps."""

    @property
    def consistent(self) -> bool:
        """False from the first change of a parameter until the step is finished: nothing can be
        saved then."""

    @property
    def record(self) -> StepRecord | None:
        """The last step that was finished here; None before one is."""

    def step(self, n: int, checkpoint_window: Callable[[], None] = no_window) -> StepRecord:
        """Do step ``n``. The window opens once, after the rollout and before the first change of a
        parameter; if it raises, the learner is as before the step."""

    def evaluate(self, indices: Sequence[int]) -> Sequence[Score]:
        """Scores of the likeliest completion of each of these examples; changes nothing."""

    def files(self) -> Mapping[str, FileWriter]:
        """Writers of a copy, taken now, of the state after the last finished step."""

    def load(self, path: Path) -> Sequence[str]:
        """Take over the state written in this directory; why what follows may not repeat exactly."""

    def about(self) -> Mapping[str, Any]:
        """What the state's exact repetition depends on."""
