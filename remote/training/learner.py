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
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from remote.training.errors import NonRetryableError, UnusableCheckpointError
from remote.training.loss import LossInputs, group_advantages, policy_loss
from remote.training.model import build_policy
from remote.training.optimiser_files import moments, restore_moments
from remote.training.ports import FileWriter
from remote.training.rollout import Rollout, sample, token_logprobs
from remote.training.step_record import StepRecord, no_window
from remote.training.task import Example, Score, build_task
from remote.vocabulary.run_config import RunConfig

THREADS_VARIABLE = "MIDDLEWATCH_TORCH_THREADS"
SAMPLES_SHOWN = 4
SAMPLE_TEXT_LIMIT = 200
FINAL_LEARNING_RATE = 0.05


def learning_rate(step: int, config: RunConfig) -> float:
    """Rate of step ``step`` (from 1): linear warm-up, then linear to a twentieth at the last step."""
    warm = min(1.0, step / max(1, config.warmup_steps))
    rest = max(1, config.steps - config.warmup_steps)
    done = min(1.0, max(0.0, (step - config.warmup_steps) / rest))
    return config.learning_rate * warm * (1.0 - (1.0 - FINAL_LEARNING_RATE) * done)


class Learner:
    """A policy, its optimiser, its generators and its place in the data.

    ``step`` must be asked for each step in turn. Between the first change of a parameter and the end
    of the step ``consistent`` is False and nothing can be saved.
    """

    def __init__(self, config: RunConfig, *, mono: Callable[[], float] = time.perf_counter) -> None:
        self._threads = int(os.environ.get(THREADS_VARIABLE, "1"))
        torch.set_num_threads(self._threads)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(config.seed)
        self._config, self._mono = config, mono
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._task = build_task(config)
        policy = build_policy(config, self._task.symbols, self._device)
        self._model, self._codec = policy.model, policy.codec
        self._names: dict[str, Tensor] = dict(self._model.named_parameters())
        self._optimiser = torch.optim.AdamW(
            self._names.values(), lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=0.0
        )
        self._sampler = torch.Generator(self._device).manual_seed(config.seed)
        self._done, self._cursor, self._consistent = 0, 0, True
        self._boundary = self._generators()

    @property
    def parameters(self) -> int:
        """Trainable numbers in the model."""
        return sum(parameter.numel() for parameter in self._names.values())

    @property
    def steps_done(self) -> int:
        """Finished steps."""
        return self._done

    @property
    def consistent(self) -> bool:
        """Whether the state is that after a finished step."""
        return self._consistent

    def step(self, n: int, checkpoint_window: Callable[[], None] = no_window) -> StepRecord:
        """Do step ``n``; ``checkpoint_window`` is called once, before the first parameter changes."""
        if n != self._done + 1 or not self._consistent:
            raise ValueError(f"step {n} was asked for after step {self._done}")
        began = self._mono()
        try:
            examples, rollout = self._sample()
            sampled = self._mono()
            scores, advantages = self._score(examples, rollout)
            scored = self._mono()
            checkpoint_window()
        except BaseException:
            self._restore_generators(self._boundary)
            raise
        updating = self._mono()
        metrics = self._update(n, rollout, advantages.flatten())
        finished = self._mono()
        seconds = (sampled - began) + (scored - sampled) + (finished - updating)
        metrics |= {
            "reward/mean": _mean([score.reward for score in scores]),
            "reward/std": float(torch.tensor([score.reward for score in scores]).std()),
            "exact_match": _mean([float(score.exact) for score in scores]),
            "tokens_per_second": float(rollout.mask.sum()) / seconds,
            "samples_per_second": len(scores) / seconds,
            "step_seconds": seconds,
            "rollout_seconds": sampled - began,
            "score_seconds": scored - sampled,
            "update_seconds": finished - updating,
        }
        return StepRecord(n, metrics, self._shown(examples, rollout, scores, advantages))

    def files(self) -> Mapping[str, FileWriter]:
        """Writers of a copy, taken now, of the state after the last finished step. They may be
        called later and in another thread. ValueError while a step changes parameters."""
        if not self._consistent:
            raise ValueError(f"step {self._done + 1} is half done; only a finished step can be saved")
        state = self._state() | dict(self.about())
        return {
            "model.safetensors": functools.partial(_write_tensors, _copies(self._weights())),
            "optimizer.safetensors": functools.partial(
                _write_tensors, _copies(moments(self._optimiser, self._names))
            ),
            "rng.safetensors": functools.partial(_write_tensors, dict(self._boundary)),
            "state.json": functools.partial(_write_json, state),
        }

    def load(self, path: Path) -> None:
        """Take over the state in this directory. UnusableCheckpointError if it does not fit."""
        state = json.loads((path / "state.json").read_text())
        made_by = {key: state.get(key) for key in ("model", "task", "task_length")}
        if made_by != {key: getattr(self._config, key) for key in made_by}:
            raise UnusableCheckpointError(f"checkpoint {path.name} was made by {made_by}")
        try:
            weights = load_file(path / "model.safetensors")
            if weights.keys() != self._weights().keys():
                raise KeyError(", ".join(sorted(weights.keys() ^ self._weights().keys())))
            self._model.load_state_dict(weights, strict=False)
            restore_moments(self._optimiser, self._names, load_file(path / "optimizer.safetensors"))
        except (RuntimeError, KeyError) as error:
            raise UnusableCheckpointError(f"checkpoint {path.name} does not fit: {error}") from error
        self._boundary = load_file(path / "rng.safetensors")
        self._restore_generators(self._boundary)
        self._done, self._cursor, self._consistent = state["step"], state["cursor"], True

    def about(self) -> Mapping[str, Any]:
        """Versions and settings that must be equal for a resume to repeat bit for bit."""
        return {
            "torch": str(torch.__version__),
            "threads": self._threads,
            "device": self._device.type,
            "capability": torch.backends.cpu.get_cpu_capability(),
        }

    def _sample(self) -> tuple[list[Example], Rollout]:
        config = self._config
        indices = range(self._cursor, self._cursor + config.prompts_per_step)
        examples = [self._task.example(index) for index in indices]
        prompts = [self._codec.encode(example.prompt) for example in examples]
        if len({len(prompt) for prompt in prompts}) > 1:
            raise NonRetryableError("prompts of one step have different numbers of tokens")
        rollout = sample(
            self._model,
            torch.tensor(prompts, device=self._device),
            group=config.group_size,
            budget=self._codec.budget(self._task.answer_length),
            temperature=config.temperature,
            end=self._codec.end,
            pad=self._codec.pad,
            generator=self._sampler,
        )
        return examples, rollout

    def _score(self, examples: Sequence[Example], rollout: Rollout) -> tuple[list[Score], Tensor]:
        """Scores in the order of the rollout, and advantages (prompts, group)."""
        group = self._config.group_size
        scores = [
            self._task.score(examples[i // group], text, ended=ended)
            for i, (text, ended) in enumerate(self._texts(rollout))
        ]
        rewards = torch.tensor([score.reward for score in scores], device=self._device)
        return scores, group_advantages(rewards.view(-1, group))

    def _update(self, n: int, rollout: Rollout, advantages: Tensor) -> dict[str, float]:
        """One optimiser step a minibatch; the state is not consistent until all are done."""
        rate = learning_rate(n, self._config)
        for settings in self._optimiser.param_groups:
            settings["lr"] = rate
        self._consistent = False
        rows = torch.arange(len(advantages), device=self._device).chunk(self._config.minibatches)
        seen = [self._minibatch(rollout, advantages, chosen) for chosen in rows]
        self._boundary = self._generators()
        self._done, self._cursor = n, self._cursor + self._config.prompts_per_step
        self._consistent = True
        return {name: _mean([metrics[name] for metrics in seen]) for name in seen[0]} | {"lr": rate}

    def _minibatch(self, rollout: Rollout, advantages: Tensor, rows: Tensor) -> dict[str, float]:
        part = rollout.rows(rows)
        logprobs, entropy = token_logprobs(self._model, part, self._config.temperature)
        outputs = policy_loss(
            LossInputs(logprobs, part.logprobs, entropy, advantages[rows], part.mask), self._config
        )
        self._optimiser.zero_grad(set_to_none=True)
        outputs.loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._names.values(), self._config.grad_clip)
        self._optimiser.step()
        values = {"loss": outputs.loss.detach(), "grad_norm": norm, **outputs.metrics}
        return {name: float(value) for name, value in values.items()}

    def _texts(self, rollout: Rollout) -> list[tuple[str, bool]]:
        """Each completion without its end, and whether it has one."""
        lengths = rollout.mask.sum(dim=1).int().tolist()
        rows = [row[:n] for row, n in zip(rollout.completions.tolist(), lengths, strict=True)]
        ended = [bool(row) and row[-1] == self._codec.end for row in rows]
        return [(self._codec.decode(row[: len(row) - e]), e) for row, e in zip(rows, ended, strict=True)]

    def _shown(
        self, examples: Sequence[Example], rollout: Rollout, scores: Sequence[Score], advantages: Tensor
    ) -> list[dict[str, Any]]:
        """The first completion of the first prompts."""
        group, texts, values = self._config.group_size, self._texts(rollout), advantages.flatten().tolist()
        return [
            {
                "prompt": examples[i // group].prompt[:SAMPLE_TEXT_LIMIT],
                "completion": texts[i][0][:SAMPLE_TEXT_LIMIT],
                "reward": scores[i].reward,
                "advantage": values[i],
            }
            for i in range(0, len(texts), group)[:SAMPLES_SHOWN]
        ]

    def _weights(self) -> dict[str, Tensor]:
        """What is saved of the model: all of its state, tied weights once, under their first name."""
        tied = {name for name, _ in self._model.named_parameters(remove_duplicate=False)} - self._names.keys()
        return {name: tensor for name, tensor in self._model.state_dict().items() if name not in tied}

    def _state(self) -> dict[str, Any]:
        config = self._config
        return {
            "step": self._done,
            "cursor": self._cursor,
            "model": config.model,
            "task": config.task,
            "task_length": config.task_length,
        }

    def _generators(self) -> dict[str, Tensor]:
        states = {"torch": torch.get_rng_state(), "sampler": self._sampler.get_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        return states

    def _restore_generators(self, states: Mapping[str, Tensor]) -> None:
        torch.set_rng_state(states["torch"])
        self._sampler.set_state(states["sampler"])
        if "cuda" in states and self._device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], self._device)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def _write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    save_file(tensors, path, metadata={"format": "pt"})


def _write_json(value: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True))
