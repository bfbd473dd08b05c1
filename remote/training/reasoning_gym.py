"""Tasks in English, by the reasoning-gym package: optional, and loaded only when a task is named.

    ReasoningGym("letter_counting", seed=0).example(7).prompt

A dataset of that package is deterministic by (seed, index) within a size that some of them build
whole, so examples come from datasets of CHUNK examples each, the seed of every chunk being drawn
from (seed, chunk): index after index without end, in any order, and no two runs' seeds shifted copies
of each other. Its default difficulty is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import Any

from remote.training.errors import NonRetryableError
from remote.training.task import Example, Score

CHUNK = 500
CHUNKS_KEPT = 4
ANSWER_LENGTH = 64


@dataclass(frozen=True, slots=True)
class GymExample(Example):
    """With what the package needs to mark an answer: its dataset and its entry there."""

    dataset: Any
    entry: dict[str, Any]


class ReasoningGym:
    """One dataset as a task. NonRetryableError if the package or the dataset is not there."""

    symbols = ""

    def __init__(self, name: str, seed: int) -> None:
        self._name, self._seed = name, seed
        self._chunks: dict[int, Any] = {}
        try:
            package = import_module("reasoning_gym")
        except ImportError as error:
            raise NonRetryableError(
                f"task reasoning-gym:{name} needs the package reasoning-gym in the trainer's image: {error}"
            ) from error
        self._create, self._extract = package.create_dataset, package.utils.extract_answer
        try:
            self._chunk(0)
        except Exception as error:
            raise NonRetryableError(f"reasoning-gym has no usable dataset {name!r}: {error}") from error

    @property
    def answer_length(self) -> int:
        """Room for a short answer; a longer one is the config's ``completion_tokens``."""
        return ANSWER_LENGTH

    def example(self, index: int) -> GymExample:
        """Entry ``index`` of the endless dataset."""
        chunk, place = divmod(index, CHUNK)
        dataset = self._chunk(chunk)
        entry = dataset[place]
        return GymExample(entry["question"], str(entry["answer"]), dataset, entry)

    def score(self, example: Example, completion: str, *, ended: bool) -> Score:
        """By the dataset's own rule, which may give a part of the reward, on what stands between
        ``<answer>`` and ``</answer>``, or on all of it. What the rule cannot read is worth nothing."""
        assert isinstance(example, GymExample), "an example of this task"
        answer = self._extract(completion) or completion.strip()
        try:
            reward = float(example.dataset.score_answer(answer, example.entry))
        except Exception:
            return Score(0.0, False)
        reward = min(1.0, max(0.0, reward))
        return Score(reward, reward == 1.0)

    def _chunk(self, chunk: int) -> Any:
        if chunk not in self._chunks:
            if len(self._chunks) >= CHUNKS_KEPT:
                del self._chunks[next(iter(self._chunks))]
            seed = Random(f"{self._seed}/{chunk}").getrandbits(31)
            self._chunks[chunk] = self._create(self._name, seed=seed, size=CHUNK)
        return self._chunks[chunk]
