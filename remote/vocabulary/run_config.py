"""What a run is asked to do: one value, checked before anything is spawned.

    RunConfig()                                    # sort-digits, 250 steps, checkpoint every 10
    RunConfig(steps=500, seed=1, checkpoint_interval=20)
    demo(RunConfig(), patient=True)                # the demo's longer schedule, with its drills
    RunConfig.from_json(text)                      # ConfigError names field, value, what is allowed

Both sides use it: the operator's form and command line refuse a bad value before a GPU is asked
for, the trainer reads the same fields. It knows nothing of torch or of Modal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from remote.vocabulary.retry_policy import RetryPolicy

TASKS = ("sort-digits", "reverse-text", "add-numbers")
REASONING_GYM = "reasoning-gym:"
"""Before the name of a dataset of the reasoning-gym package: a task in English."""
TINY_LLAMA = "tiny-llama"
LOSSES = ("dppo-kl", "clip")
WANDB_MODES = ("offline", "online", "disabled")
DEPLOYED_RETRIES = RetryPolicy(max_retries=10, initial_delay=5.0)
"""The policy of the deployed class. A run's own ``max_retries`` can only be smaller: the trainer
enforces it by returning a failed result instead of raising."""


class ConfigError(ValueError):
    """A field has a value that is not allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field} is {value!r}; allowed is {allowed}")
        self.field, self.value, self.allowed = field, value, allowed


class DrillKind(StrEnum):
    """A real fault that a run can be asked to go through, once, at a given step."""

    EXCEPTION = "exception"
    PREEMPT = "preempt"
    COMMIT_FAILURE = "commit_failure"


class Drill(msgspec.Struct, frozen=True):
    """One rehearsed fault: ``kind`` happens once in the run's life, at the end of ``step``."""

    kind: DrillKind
    step: int


class RunConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that `train` needs. Steps are optimiser steps of one rollout batch each."""

    task: str = "sort-digits"
    """What is learned; the reward is computed by the task."""
    task_length: int = 6
    """Digits to sort, letters to reverse, digits of each number to add."""
    model: str = TINY_LLAMA
    """``tiny-llama`` is made from a config; anything else is a Hugging Face name or path."""
    steps: int = 250
    seed: int = 0
    prompts_per_step: int = 32
    group_size: int = 16
    """Completions sampled for each prompt; advantages are relative to the group."""
    minibatches: int = 4
    temperature: float = 1.0
    completion_tokens: int = 0
    """The most tokens of a completion; 0 for what the task's answers need."""
    advantage_std: bool = True
    """Whether advantages are in units of their group's standard deviation."""
    learning_rate: float = 1e-3
    warmup_steps: int = 10
    entropy_bonus: float = 0.02
    grad_clip: float = 1.0
    loss: str = "dppo-kl"
    mask_low: float = 0.2
    """Of ``dppo-kl``: how far a token's probability may fall since it was sampled."""
    mask_high: float = 0.2
    clip_low: float = 0.2
    """Of ``clip``: the ratio of probabilities is clipped to 1 - clip_low .. 1 + clip_high."""
    clip_high: float = 0.2
    kl_tau: float = 1e-3
    checkpoint_interval: int = 10
    """Steps between checkpoints, each followed by an explicit commit."""
    eval_interval: int = 0
    """Steps between two greedy evaluations on examples that are never trained on; 0 for none."""
    eval_prompts: int = 64
    keep_last: int = 5
    keep_every: int = 100
    max_retries: int = 3
    """Retries of this run, at most those of the deployed class."""
    grace_seconds: float = 30.0
    """What the platform grants between the interrupt and the kill."""
    gpu: str = "H100:8"
    wandb: str = "offline"
    drills: tuple[Drill, ...] = ()

    def check(self) -> RunConfig:
        """This config, if every field is allowed; else ConfigError for the first that is not."""
        for field, (low, high) in _RANGES.items():
            if not low <= getattr(self, field) <= high:
                raise self._refused(field)
        for field, choices in _CHOICES.items():
            if getattr(self, field) not in choices:
                raise self._refused(field)
        if self.task not in TASKS and not _DATASET.match(self.task):
            raise self._refused("task")
        if not self.model or len(self.model) > MODEL_LENGTH:
            raise self._refused("model")
        if self.model == TINY_LLAMA and self.task not in TASKS:
            raise ConfigError(
                "model",
                self.model,
                f"a Hugging Face name or path: {self.task} is in English, and needs its tokenizer",
            )
        if self.prompts_per_step % self.minibatches:
            raise ConfigError(
                "minibatches", self.minibatches, f"a divisor of prompts_per_step ({self.prompts_per_step})"
            )
        gpu_count(self.gpu)
        for drill in self.drills:
            if not 1 <= drill.step <= self.steps:
                raise ConfigError(f"drills ({drill.kind})", drill.step, f"a step from 1 to {self.steps}")
        return self

    def _refused(self, field: str) -> ConfigError:
        return ConfigError(field, getattr(self, field), allowed(field))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for an intent, a Dict entry or an event."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def from_json(cls, value: object) -> RunConfig:
        """The checked config of what `to_json` gave, or of an operator's own JSON object."""
        try:
            return msgspec.convert(value, cls).check()
        except msgspec.ValidationError as error:
            raise _misfit(value, str(error)) from error

    @property
    def retries(self) -> RetryPolicy:
        """The deployed delays with this run's own limit."""
        return RetryPolicy(
            max_retries=self.max_retries,
            initial_delay=DEPLOYED_RETRIES.initial_delay,
            backoff_coefficient=DEPLOYED_RETRIES.backoff_coefficient,
            max_delay=DEPLOYED_RETRIES.max_delay,
        )


_RANGES: dict[str, tuple[float, float]] = {
    "task_length": (2, 16),
    "steps": (1, 1_000_000),
    "seed": (0, 2**31 - 1),
    "prompts_per_step": (1, 4096),
    "group_size": (2, 256),
    "minibatches": (1, 256),
    "temperature": (0.01, 10.0),
    "completion_tokens": (0, 32_768),
    "learning_rate": (1e-8, 1.0),
    "warmup_steps": (0, 100_000),
    "entropy_bonus": (0.0, 1.0),
    "grad_clip": (0.01, 1000.0),
    "mask_low": (0.0, 1.0),
    "mask_high": (0.0, 1.0),
    "clip_low": (0.0, 1.0),
    "clip_high": (0.0, 10.0),
    "kl_tau": (0.0, 10.0),
    "checkpoint_interval": (1, 100_000),
    "eval_interval": (0, 1_000_000),
    "eval_prompts": (1, 4096),
    "keep_last": (1, 1000),
    "keep_every": (0, 1_000_000),
    "max_retries": (0, DEPLOYED_RETRIES.max_retries),
    "grace_seconds": (0.0, 30.0),
}
_CHOICES: dict[str, tuple[str, ...]] = {"loss": LOSSES, "wandb": WANDB_MODES}
MODEL_LENGTH = 200
_DATASET = re.compile(re.escape(REASONING_GYM) + r"[a-z][a-z0-9_]{0,63}\Z")
_WORDS = {
    "task": "one of " + ", ".join(TASKS) + f", or {REASONING_GYM}NAME",
    "model": f"{TINY_LLAMA}, or a Hugging Face name or path of at most {MODEL_LENGTH} characters",
    "gpu": "a type and a count from 1 to 8, such as H100:8, or empty",
    "advantage_std": "true or false",
    "drills": "a list of {kind, step}, kind being one of " + ", ".join(DrillKind),
}


def allowed(field: str) -> str:
    """What a field of RunConfig may be, in words: for a message or a form's hint."""
    if field in _RANGES:
        low, high = _RANGES[field]
        return f"{low} to {high}"
    return _WORDS[field] if field in _WORDS else "one of " + ", ".join(_CHOICES[field])


def _misfit(value: object, why: str) -> ConfigError:
    """The error for a value that cannot even be read as a RunConfig, by the field where that shows."""
    given: Mapping[object, object] = value if isinstance(value, Mapping) else {}
    unknown = sorted(str(name) for name in given if name not in RunConfig.__struct_fields__)
    if unknown:
        return ConfigError(
            unknown[0], given.get(unknown[0]), "a field: " + ", ".join(RunConfig.__struct_fields__)
        )
    found = re.search(r"at `\$\.(\w+)", why)
    if found is None:
        return ConfigError("config", value, why)
    return ConfigError(found[1], given.get(found[1]), allowed(found[1]))


def gpu_count(gpu: str) -> int:
    """How many GPUs a request like ``H100:8`` or ``A100`` asks for; ConfigError if it is neither.

    An empty string asks for none.
    """
    if not gpu:
        return 0
    name, colon, count = gpu.partition(":")
    plain = name.rstrip("!").replace("-", "")
    if not plain.isalnum() or (colon and not (count.isdigit() and 1 <= int(count) <= 8)):
        raise ConfigError("gpu", gpu, allowed("gpu"))
    return int(count) if colon else 1


DEMO_DRILLS = (
    Drill(DrillKind.EXCEPTION, 34),
    Drill(DrillKind.PREEMPT, 77),
    Drill(DrillKind.COMMIT_FAILURE, 100),
)


def demo(config: RunConfig, *, patient: bool, drill: bool = True) -> RunConfig:
    """The demo run: real faults at steps 34, 77 and 100 unless ``drill`` is off.

    ``patient`` is the schedule for somebody who watches: a longer task and more steps, at least
    five minutes on one core, still learning; otherwise the 250-step recipe.
    """
    if patient:
        config = msgspec.structs.replace(
            config, task_length=PATIENT_LENGTH, steps=PATIENT_STEPS, learning_rate=PATIENT_LEARNING_RATE
        )
    return msgspec.structs.replace(config, drills=DEMO_DRILLS if drill else ()).check()


PATIENT_LENGTH = 12
PATIENT_STEPS = 1500
PATIENT_LEARNING_RATE = 1.2e-4
