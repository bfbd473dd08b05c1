"""What is learned: prompts and their rewards, as text.

An example is a pure function of (seed, index), so the data cursor of a run is one integer. A task
knows nothing of tokens or models.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol

from remote.vocabulary.run_config import TASKS, ConfigError, RunConfig


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the one right answer."""

    prompt: str
    answer: str


class Score(NamedTuple):
    """``reward`` is 0 to 1; ``exact`` means that nothing is wrong."""

    reward: float
    exact: bool


class Task(Protocol):
    """A source of examples that can mark answers."""

    @property
    def symbols(self) -> str:
        """All characters that prompts and answers are made of."""

    @property
    def answer_length(self) -> int:
        """The most characters that an answer needs."""

    def example(self, index: int) -> Example:
        """Example number ``index`` (from 0), the same each time."""

    def score(self, example: Example, completion: str, *, ended: bool) -> Score:
        """Mark a completion; ``ended`` says whether the model ended it itself."""


@dataclass(frozen=True, slots=True)
class SortDigits:
    """Given digits from 0 to 7, write them in ascending order and stop.

    The reward is the share of positions that are right, the end counting as one; a completion that
    is longer than the answer is divided by its own length.
    """

    length: int
    seed: int
    symbols: str = "01234567"

    @property
    def answer_length(self) -> int:
        """As many symbols as the prompt has."""
        return self.length

    def example(self, index: int) -> Example:
        """The digits of ``Random(f"{seed}/{index}")``."""
        prompt = "".join(Random(f"{self.seed}/{index}").choices(self.symbols, k=self.length))
        return Example(prompt, "".join(sorted(prompt)))

    def score(self, example: Example, completion: str, *, ended: bool) -> Score:
        """Positionwise agreement, the end being one more position."""
        wanted, given = [*example.answer, None], [*completion, *([None] if ended else [])]
        right = sum(a == b for a, b in zip(wanted, given, strict=False))
        return Score(right / max(len(wanted), len(given)), wanted == given)


def build_task(config: RunConfig) -> Task:
    """The task that the config names; ConfigError for any other."""
    if config.task == "sort-digits":
        return SortDigits(config.task_length, config.seed)
    raise ConfigError("task", config.task, "one of " + ", ".join(TASKS))
