"""What one step gives back, and what the session needs from a learner. Knows no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from remote.training.ports import FileWriter


def no_window() -> None:
    """The checkpoint window that nobody uses."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One finished optimiser step: its number (from 1), its metrics by name, and up to four
    samples ``{prompt, completion, reward, advantage}``."""

    step: int
    metrics: dict[str, float]
    samples: list[dict[str, Any]]


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

    def step(self, n: int, checkpoint_window: Callable[[], None] = no_window) -> StepRecord:
        """Do step ``n``. The window opens once, after the rollout and before the first change of a
        parameter; if it raises, the learner is as before the step."""

    def files(self) -> Mapping[str, FileWriter]:
        """Writers of a copy, taken now, of the state after the last finished step."""

    def load(self, path: Path) -> None:
        """Take over the state written in this directory."""

    def about(self) -> Mapping[str, Any]:
        """What the state's exact repetition depends on."""
