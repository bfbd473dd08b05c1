"""What is learned: prompts and their rewards, as text.

    task = build_task(RunConfig(task="add-numbers", task_length=3))
    example = task.example(7)                       # Example("418+905", "1323"), each time
    task.score(example, "1323", ended=True)         # Score(1.0, True)

An example is a pure function of (seed, index), so the data cursor of a run is one integer. A task
knows nothing of tokens or models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import ClassVar, NamedTuple, Protocol

from remote.vocabulary.run_config import REASONING_GYM, ConfigError, RunConfig, allowed

HELD_OUT_FROM = 1 << 48
"""The first index that no run trains on: the longest allowed one ends far below."""


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
        """All characters that prompts and answers are made of; empty if it is any text."""

    @property
    def answer_length(self) -> int:
        """The most characters that an answer needs."""

    def example(self, index: int) -> Example:
        """Example number ``index`` (from 0), the same each time."""

    def score(self, example: Example, completion: str, *, ended: bool) -> Score:
        """Mark a completion; ``ended`` says whether the model ended it itself."""


@dataclass(frozen=True, slots=True)
class SymbolTask(ABC):
    """A puzzle on a few characters, whose prompts of one ``length`` have one number of characters.

    The reward is the share of positions that are right, the end counting as one; a completion that
    is longer than the answer is divided by its own length.
    """

    length: int
    seed: int
    symbols: ClassVar[str]

    @property
    def answer_length(self) -> int:
        """As many characters as the prompt has."""
        return self.length

    def example(self, index: int) -> Example:
        """The puzzle that ``Random(f"{seed}/{index}")`` makes."""
        return self.make(Random(f"{self.seed}/{index}"))

    def score(self, example: Example, completion: str, *, ended: bool) -> Score:
        """Positionwise agreement, the end being one more position."""
        wanted, given = [*example.answer, None], [*completion, *([None] if ended else [])]
        right = sum(a == b for a, b in zip(wanted, given, strict=False))
        return Score(right / max(len(wanted), len(given)), wanted == given)

    @abstractmethod
    def make(self, random: Random) -> Example:
        """One puzzle, by these random numbers alone."""


class SortDigits(SymbolTask):
    """Given digits from 0 to 7, write them in ascending order and stop."""

    symbols = "01234567"

    def make(self, random: Random) -> Example:
        """Digits, each with the same chance."""
        prompt = "".join(random.choices(self.symbols, k=self.length))
        return Example(prompt, "".join(sorted(prompt)))


class ReverseText(SymbolTask):
    """Given letters from a to h, write them from the last to the first and stop."""

    symbols = "abcdefgh"

    def make(self, random: Random) -> Example:
        """Letters, each with the same chance."""
        prompt = "".join(random.choices(self.symbols, k=self.length))
        return Example(prompt, prompt[::-1])


class AddNumbers(SymbolTask):
    """Given two numbers of ``length`` digits without leading zeros, write their sum and stop."""

    symbols = "0123456789+"

    @property
    def answer_length(self) -> int:
        """A digit more than each number has."""
        return self.length + 1

    def make(self, random: Random) -> Example:
        """Numbers, each with the same chance."""
        low, high = 10 ** (self.length - 1), 10**self.length - 1
        a, b = random.randint(low, high), random.randint(low, high)
        return Example(f"{a}+{b}", str(a + b))


SYMBOL_TASKS: dict[str, type[SymbolTask]] = {
    "sort-digits": SortDigits,
    "reverse-text": ReverseText,
    "add-numbers": AddNumbers,
}


def build_task(config: RunConfig) -> Task:
    """The task that the config names. ConfigError for one that does not exist, NonRetryableError
    for one that is not installed here."""
    if config.task.startswith(REASONING_GYM):
        from remote.training.reasoning_gym import ReasoningGym

        return ReasoningGym(config.task.removeprefix(REASONING_GYM), config.seed)
    if config.task not in SYMBOL_TASKS:
        raise ConfigError("task", config.task, allowed("task"))
    return SYMBOL_TASKS[config.task](config.task_length, config.seed)
