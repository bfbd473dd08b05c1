"""A policy at its task: it reads prompts, writes completions, and is marked.

Changes nothing: it draws from the generator that it is given, and another takes the steps. Its weights
can be read from a checkpoint without anything else of it, which is all that an evaluation needs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from remote.training.errors import NonRetryableError, UnusableCheckpointError
from remote.training.model import build_policy
from remote.training.numerics import precision
from remote.training.rollout import Prompts, Rollout, sample, token_logprobs
from remote.training.task import Example, Score, build_task
from remote.vocabulary.run_config import RunConfig

SAMPLES_SHOWN = 4
SAMPLE_TEXT_LIMIT = 200
MADE_FOR = ("model", "task", "task_length")
WEIGHTS, STATE = "model.safetensors", "state.json"


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples and the completions of each, ``group`` neighbours an example."""

    examples: Sequence[Example]
    rollout: Rollout
    group: int


class Actor:
    """Args: config: names the model and the task. Draws initial weights from torch's global
    generator. ConfigError, UnknownModelError, ModelUnreachableError, NonRetryableError."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        self._config, self._device = config, device
        self._task = build_task(config)
        policy = build_policy(config, self._task.symbols, device)
        self.model, self._codec = policy.model, policy.codec
        if not self._codec.reads(self._task.example(0).prompt):
            raise NonRetryableError(
                f"model {config.model!r} cannot do task {config.task}: its tokenizer has no tokens for it"
            )
        self._budget = config.completion_tokens or self._codec.budget(self._task.answer_length)

    def rollout(self, cursor: int, generator: torch.Generator) -> Batch:
        """A group of completions for each example from number ``cursor`` on."""
        indices = range(cursor, cursor + self._config.prompts_per_step)
        return self._complete(indices, self._config.group_size, generator)

    def evaluate(self, indices: Sequence[int]) -> list[Score]:
        """Scores of the likeliest completion of each of these examples, without a random number."""
        at_a_time = self._config.prompts_per_step * self._config.group_size
        return [
            score
            for start in range(0, len(indices), at_a_time)
            for score in self.scores(self._complete(indices[start : start + at_a_time], 1, None))
        ]

    def scores(self, batch: Batch) -> list[Score]:
        """Marks in the order of the completions."""
        return [
            self._task.score(batch.examples[i // batch.group], text, ended=ended)
            for i, (text, ended) in enumerate(self._texts(batch.rollout))
        ]

    def samples(self, batch: Batch, scores: Sequence[Score], advantages: Tensor) -> list[dict[str, Any]]:
        """The first completion of the first prompts, to be shown."""
        texts, values = self._texts(batch.rollout), advantages.flatten().tolist()
        return [
            {
                "prompt": batch.examples[i // batch.group].prompt[:SAMPLE_TEXT_LIMIT],
                "completion": texts[i][0][:SAMPLE_TEXT_LIMIT],
                "reward": scores[i].reward,
                "advantage": values[i],
            }
            for i in range(0, len(texts), batch.group)[:SAMPLES_SHOWN]
        ]

    def logprobs(self, rollout: Rollout) -> tuple[Tensor, Tensor]:
        """As `rollout.token_logprobs`, at the temperature that was sampled at."""
        with precision(self._device):
            return token_logprobs(self.model, rollout, self._config.temperature)

    def weights(self) -> dict[str, Tensor]:
        """All of the model's state, tied weights once, under their first name."""
        first = {name for name, _ in self.model.named_parameters()}
        tied = {name for name, _ in self.model.named_parameters(remove_duplicate=False)} - first
        return {name: tensor for name, tensor in self.model.state_dict().items() if name not in tied}

    def load(self, path: Path) -> dict[str, Any]:
        """Take over the weights in this directory; what its `STATE` says.

        UnusableCheckpointError if they were made for something else or do not fit.
        """
        state: dict[str, Any] = json.loads((path / STATE).read_text())
        made_for = {key: state.get(key) for key in MADE_FOR}
        if made_for != self.made_for():
            raise UnusableCheckpointError(f"checkpoint {path.name} was made by {made_for}")
        try:
            weights = load_file(path / WEIGHTS)
            if weights.keys() != self.weights().keys():
                raise KeyError(", ".join(sorted(weights.keys() ^ self.weights().keys())))
            self.model.load_state_dict(weights, strict=False)
        except (RuntimeError, KeyError) as error:
            raise UnusableCheckpointError(f"checkpoint {path.name} does not fit: {error}") from error
        return state

    def made_for(self) -> dict[str, Any]:
        """What a checkpoint must have been made for."""
        return {key: getattr(self._config, key) for key in MADE_FOR}

    def _complete(self, indices: Sequence[int], group: int, generator: torch.Generator | None) -> Batch:
        examples = [self._task.example(index) for index in indices]
        prompts = [self._codec.encode(example.prompt) for example in examples]
        with precision(self._device):
            rollout = sample(
                self.model,
                Prompts.of(prompts, self._codec.pad, self._device),
                group=group,
                budget=self._budget,
                temperature=self._config.temperature,
                end=self._codec.end,
                pad=self._codec.pad,
                generator=generator,
            )
        return Batch(examples, rollout, group)

    def _texts(self, rollout: Rollout) -> list[tuple[str, bool]]:
        """Each completion without its end, and whether it has one."""
        lengths = rollout.mask.sum(dim=1).int().tolist()
        rows = [row[:n] for row, n in zip(rollout.completions.tolist(), lengths, strict=True)]
        ended = [bool(row) and row[-1] == self._codec.end for row in rows]
        return [(self._codec.decode(row[: len(row) - e]), e) for row, e in zip(rows, ended, strict=True)]
