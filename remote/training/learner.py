"""One policy in training: a GRPO step at a time, and its exact state.

A step samples a group of completions for each prompt, marks them, turns rewards into advantages
relative to the group, and takes one optimiser step a minibatch. From textbook GRPO it deviates so:

1. no reference model: a small quadratic pull to the policy that sampled takes its place;
2. by default a token is masked by how far its probability has moved, not clipped by ratio;
3. the loss is averaged over tokens, not first over each completion;
4. an entropy bonus, without which a random initialisation collapses before it has learned anything.

After any finished step the state can be written and read back, and what follows is then the same bit
for bit on the same kind of machine: one thread, deterministic kernels, all random numbers from saved
generators, data from one integer cursor, the learning rate from the step number alone.

Knows nothing of attempts, checkpoints as a store, commands or events.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from remote.training import numerics
from remote.training.actor import STATE, WEIGHTS, Actor, Batch
from remote.training.errors import UnusableCheckpointError
from remote.training.loss import LossInputs, group_advantages, policy_loss
from remote.training.optimiser_files import moments, restore_moments
from remote.training.ports import FileWriter
from remote.training.rollout import Rollout
from remote.training.state_copies import CopyPool
from remote.training.step_record import StepRecord, no_window
from remote.training.task import Score
from remote.vocabulary.run_config import RunConfig

MOMENTS, GENERATORS = "optimizer.safetensors", "rng.safetensors"
FINAL_LEARNING_RATE = 0.05


def learning_rate(step: int, config: RunConfig) -> float:
    """Rate of step ``step`` (from 1): linear warm-up, then linear to a twentieth at the last step."""
    warm = min(1.0, step / max(1, config.warmup_steps))
    rest = max(1, config.steps - config.warmup_steps)
    done = min(1.0, max(0.0, (step - config.warmup_steps) / rest))
    return config.learning_rate * warm * (1.0 - (1.0 - FINAL_LEARNING_RATE) * done)


@dataclass(frozen=True, slots=True)
class Finished:
    """What the last finished step left behind, apart from weights and moments: its number, the index
    of the next example, the generators' states, and its record if it was done in this process."""

    step: int
    cursor: int
    generators: Mapping[str, Tensor]
    record: StepRecord | None


class Learner:
    """A policy, its optimiser, its generators and its place in the data.

    ``step`` must be asked for each step in turn. Between the first change of a parameter and the end
    of the step ``consistent`` is False and nothing can be saved.
    """

    def __init__(self, config: RunConfig, *, mono: Callable[[], float] = time.perf_counter) -> None:
        self._config, self._mono = config, mono
        self._device = numerics.prepare(config.seed)
        self._actor = Actor(config, self._device)
        self._names: dict[str, Tensor] = dict(self._actor.model.named_parameters())
        self._optimiser = torch.optim.AdamW(
            self._names.values(), lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=0.0
        )
        self._generators = numerics.Generators(config.seed, self._device)
        self._copies = {name: CopyPool() for name in (WEIGHTS, MOMENTS)}
        self._finished = Finished(0, 0, self._generators.states(), None)
        self._consistent = True

    @property
    def parameters(self) -> int:
        """Trainable numbers in the model."""
        return sum(parameter.numel() for parameter in self._names.values())

    @property
    def steps_done(self) -> int:
        """Finished steps."""
        return self._finished.step

    @property
    def record(self) -> StepRecord | None:
        """The last step that was finished here; None before one is."""
        return self._finished.record

    @property
    def consistent(self) -> bool:
        """Whether the state is that after a finished step."""
        return self._consistent

    def step(self, n: int, checkpoint_window: Callable[[], None] = no_window) -> StepRecord:
        """Do step ``n``; ``checkpoint_window`` is called once, before the first parameter changes."""
        if n != self.steps_done + 1 or not self._consistent:
            raise ValueError(f"step {n} was asked for after step {self.steps_done}")
        began = self._mono()
        try:
            batch = self._actor.rollout(self._finished.cursor, self._generators.sampler)
            sampled = self._mono()
            scores, advantages = self._score(batch)
            scored = self._mono()
            checkpoint_window()
        except BaseException:
            self._generators.restore(self._finished.generators)
            raise
        updating = self._mono()
        metrics = self._update(n, batch.rollout, advantages.flatten()) | _rewards(scores)
        parts = {
            "rollout_seconds": sampled - began,
            "score_seconds": scored - sampled,
            "update_seconds": self._mono() - updating,
        }
        seconds = sum(parts.values())
        metrics |= parts | {
            "step_seconds": seconds,
            "tokens_per_second": float(batch.rollout.mask.sum()) / seconds,
            "samples_per_second": len(scores) / seconds,
        }
        record = StepRecord(n, metrics, self._actor.samples(batch, scores, advantages))
        cursor = self._finished.cursor + self._config.prompts_per_step
        # One assignment: an interrupt finds the step either finished, with its record, or not.
        self._finished = Finished(n, cursor, self._generators.states(), record)
        self._consistent = True
        return record

    def evaluate(self, indices: Sequence[int]) -> list[Score]:
        """Scores of the likeliest completion of each of these examples. Changes nothing, and may be
        broken off anywhere."""
        return self._actor.evaluate(indices)

    def files(self) -> Mapping[str, FileWriter]:
        """Writers of a copy, taken now, of the state after the last finished step. They may be
        called later and in another thread. ValueError while a step changes parameters."""
        if not self._consistent:
            raise ValueError(f"step {self.steps_done + 1} is half done; only a finished step can be saved")
        tensors = {
            WEIGHTS: self._copies[WEIGHTS].copy(self._actor.weights()),
            MOMENTS: self._copies[MOMENTS].copy(moments(self._optimiser, self._names)),
            GENERATORS: dict(self._finished.generators),
        }
        place = {"step": self._finished.step, "cursor": self._finished.cursor}
        state = self._actor.made_for() | place | numerics.about(self._device)
        writers: dict[str, FileWriter] = {
            name: functools.partial(_write_tensors, held) for name, held in tensors.items()
        }
        return writers | {STATE: functools.partial(_write_json, state)}

    def load(self, path: Path) -> list[str]:
        """Take over the state in this directory; why what follows may not be the same bit for bit,
        empty if it will be. UnusableCheckpointError if it does not fit."""
        state = self._actor.load(path)
        try:
            restore_moments(self._optimiser, self._names, load_file(path / MOMENTS))
        except KeyError as error:
            raise UnusableCheckpointError(f"checkpoint {path.name} does not fit: {error}") from error
        generators = load_file(path / GENERATORS)
        self._generators.restore(generators)
        self._finished = Finished(state["step"], state["cursor"], generators, None)
        self._consistent = True
        return numerics.differences(state, numerics.about(self._device))

    def about(self) -> Mapping[str, Any]:
        """Versions and settings that must be equal for a resume to repeat bit for bit."""
        return numerics.about(self._device)

    def _score(self, batch: Batch) -> tuple[list[Score], Tensor]:
        """Scores in the order of the rollout, and advantages (prompts, group)."""
        scores = self._actor.scores(batch)
        rewards = torch.tensor([score.reward for score in scores], device=self._device)
        return scores, group_advantages(rewards.view(-1, batch.group), std=self._config.advantage_std)

    def _update(self, n: int, rollout: Rollout, advantages: Tensor) -> dict[str, float]:
        """One optimiser step a minibatch; the state is not consistent until the step is finished."""
        rate = learning_rate(n, self._config)
        for settings in self._optimiser.param_groups:
            settings["lr"] = rate
        self._consistent = False
        rows = torch.arange(len(advantages), device=self._device).chunk(self._config.minibatches)
        seen = [self._minibatch(rollout, advantages, chosen) for chosen in rows]
        return {name: _mean([metrics[name] for metrics in seen]) for name in seen[0]} | {"lr": rate}

    def _minibatch(self, rollout: Rollout, advantages: Tensor, rows: Tensor) -> dict[str, float]:
        part = rollout.rows(rows)
        logprobs, entropy = self._actor.logprobs(part)
        outputs = policy_loss(
            LossInputs(logprobs, part.logprobs, entropy, advantages[rows], part.mask), self._config
        )
        self._optimiser.zero_grad(set_to_none=True)
        outputs.loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._names.values(), self._config.grad_clip)
        self._optimiser.step()
        values = {"loss": outputs.loss.detach(), "grad_norm": norm, **outputs.metrics}
        return {name: float(value) for name, value in values.items()}


def _rewards(scores: Sequence[Score]) -> dict[str, float]:
    rewards = [score.reward for score in scores]
    return {
        "reward/mean": _mean(rewards),
        "reward/std": float(torch.tensor(rewards).std()),
        "exact_match": _mean([float(score.exact) for score in scores]),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    save_file(tensors, path, metadata={"format": "pt"})


def _write_json(value: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True))
