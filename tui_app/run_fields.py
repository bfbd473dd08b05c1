"""What can be said of a run when it is spawned, as one table: the form's lines and the command's options.

    troubles(values, taken)["steps"]    # 'allowed: 1 to 1000000'
    command(values)                     # 'middlewatch spawn --task sort-digits --steps 500'
    config(values)                      # the RunConfig, unchecked

Pure. What is allowed is not said here: each field is checked with the trainer's own `RunConfig`, first
alone and then together with the others. Values are texts, as they are typed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from remote.vocabulary.run_config import (
    LOSSES,
    REASONING_GYM,
    TASKS,
    WANDB_MODES,
    ConfigError,
    Drill,
    DrillKind,
    RunConfig,
    allowed,
)
from tui_app.text_safety import shown

RUN_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}\Z")
WHOLE = re.compile(r"[+-]?[0-9]{1,18}\Z")
REAL = re.compile(r"[+-]?([0-9]{1,18}\.?[0-9]{0,18}|\.[0-9]{1,18})(e[+-]?[0-9]{1,3})?\Z", re.IGNORECASE)
LONGEST, LONGEST_COMMAND = 200, 2000
DEFAULTS = RunConfig()
NAME_HINT = "1 to 48 of a-z, 0-9 and -"
STEPS_HINT = "steps with commas between; empty for never"
YES, NO = "yes", "no"


class Kind(StrEnum):
    """What a field's text stands for."""

    TEXT = "text"
    WHOLE = "whole"
    REAL = "real"
    FLAG = "flag"
    STEPS = "steps"


class Section(StrEnum):
    """The form's pages."""

    RUN = "run"
    SAMPLING = "sampling"
    LEARNING = "learning"
    KEEPING = "keeping"
    FAULTS = "faults"


class Field(msgspec.Struct, frozen=True):
    """One field. ``id`` is `RunConfig`'s, or the run's name, or one of the faults on purpose."""

    section: Section
    id: str
    label: str
    help: str
    kind: Kind = Kind.TEXT
    metavar: str | None = None

    @property
    def flag(self) -> str:
        """The command line's option."""
        return "--name" if self.id == "run" else "--" + self.id.replace("_", "-")

    @property
    def hint(self) -> str:
        """What is allowed, in words."""
        if self.id == "run":
            return NAME_HINT
        if self.kind is Kind.STEPS:
            return STEPS_HINT
        return f"{YES} or {NO}" if self.kind is Kind.FLAG else allowed(self.id)


DRILLS = {
    "fail_at_step": DrillKind.EXCEPTION,
    "preempt_at_step": DrillKind.PREEMPT,
    "fail_commit_at_step": DrillKind.COMMIT_FAILURE,
}
"""The faults on purpose, by the field that names their steps."""


def _table() -> tuple[Field, ...]:
    run, sampling, learning, keeping, faults = Section
    text, whole, real, flag, steps = Kind
    return (
        Field(run, "run", "name", "Name of the run (default: the task's, numbered)."),
        Field(run, "task", "task", "What is learned.", text, "|".join((*TASKS, REASONING_GYM + "NAME"))),
        Field(run, "task_length", "task length", "Digits to sort or add, letters to reverse.", whole),
        Field(run, "model", "model", "tiny-llama, or a Hugging Face name or path."),
        Field(run, "steps", "steps", "Optimiser steps.", whole),
        Field(run, "seed", "seed", "Of weights, prompts and sampling.", whole),
        Field(run, "gpu", "GPU", "Type and count, such as H100:8; empty for none."),
        Field(run, "max_retries", "max retries", "Failures after which it is tried again.", whole),
        Field(run, "grace_seconds", "grace", "Seconds between the interrupt and the kill.", real),
        Field(sampling, "prompts_per_step", "prompts a step", "Prompts of one rollout batch.", whole),
        Field(sampling, "group_size", "group size", "Completions sampled for each prompt.", whole),
        Field(sampling, "minibatches", "minibatches", "Parts of a batch, an update each.", whole),
        Field(sampling, "temperature", "temperature", "Of the sampler.", real),
        Field(
            sampling,
            "completion_tokens",
            "completion",
            "The most tokens of a completion; 0 for what the task's answers need.",
            whole,
        ),
        Field(
            sampling,
            "advantage_std",
            "advantage / std",
            "Whether advantages are in units of their group's standard deviation.",
            flag,
        ),
        Field(learning, "learning_rate", "learning rate", "Of the optimiser, after the warm-up.", real),
        Field(learning, "warmup_steps", "warm-up", "Steps until the whole learning rate.", whole),
        Field(learning, "grad_clip", "gradient clip", "The longest gradient.", real),
        Field(learning, "entropy_bonus", "entropy bonus", "Weight of the policy's entropy.", real),
        Field(learning, "loss", "loss", "dppo-kl masks tokens, clip bounds ratios.", text, "|".join(LOSSES)),
        Field(learning, "mask_low", "mask low", "Of dppo-kl: how far a token's probability may fall.", real),
        Field(learning, "mask_high", "mask high", "Of dppo-kl: how far it may rise.", real),
        Field(learning, "clip_low", "clip low", "Of clip: the lowest ratio is 1 minus this.", real),
        Field(learning, "clip_high", "clip high", "Of clip: the highest ratio is 1 plus this.", real),
        Field(learning, "kl_tau", "KL tau", "Weight of the KL penalty.", real),
        Field(
            keeping, "checkpoint_interval", "checkpoint every", "Steps between committed checkpoints.", whole
        ),
        Field(keeping, "keep_last", "keep last", "Newest checkpoints that are kept.", whole),
        Field(keeping, "keep_every", "keep every", "And each at a multiple of this step; 0 for none.", whole),
        Field(
            keeping, "eval_interval", "evaluate every", "Steps between two evaluations; 0 for none.", whole
        ),
        Field(keeping, "eval_prompts", "eval prompts", "Held-out prompts of an evaluation.", whole),
        Field(keeping, "wandb", "W&B", "Where Weights & Biases writes.", text, "|".join(WANDB_MODES)),
        Field(faults, "fail_at_step", "fail at", "Raise once at the end of this step.", steps),
        Field(faults, "preempt_at_step", "preempt at", "Be interrupted once, too fast to save.", steps),
        Field(faults, "fail_commit_at_step", "fail commit at", "Let a commit fail once.", steps),
    )


FIELDS = {field.id: field for field in _table()}
"""Every field by its id, in the order in which they are asked for."""
CONFIG_FIELDS = tuple(field for field in FIELDS.values() if field.id not in ("run", *DRILLS))
"""Those that are `RunConfig`'s own."""
Values = Mapping[str, str]


def initial(taken: Collection[str]) -> dict[str, str]:
    """The form as it opens: the defaults under the next free name."""
    base, number = DEFAULTS.task, 1
    while (name := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    values = {field.id: _text(getattr(DEFAULTS, field.id)) for field in CONFIG_FIELDS}
    return {**values, "run": name, **dict.fromkeys(DRILLS, "")}


def recorded(given: Mapping[str, Any]) -> dict[str, str]:
    """The values of a config as a run has recorded it; what it does not tell is as by default. Whatever it
    holds becomes text, and nothing is checked."""
    values = initial(())
    for field in CONFIG_FIELDS:
        if field.id in given:
            values[field.id] = _text(given[field.id])
    told = given.get("drills")
    drills = [drill for drill in told if isinstance(drill, Mapping)] if isinstance(told, list | tuple) else []
    for name, kind in DRILLS.items():
        values[name] = ", ".join(str(drill.get("step")) for drill in drills if drill.get("kind") == kind)
    return values


def differing(values: Values) -> list[Field]:
    """The fields whose values are not the defaults; a name is no default."""
    given = initial(())
    return [field for field in FIELDS.values() if field.id != "run" and values[field.id] != given[field.id]]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, float):
        return short if float(short := f"{value:g}") == value else repr(value)
    return str(value)


def troubles(values: Values, taken: Collection[str]) -> dict[str, str]:
    """What is wrong, by field; empty where the form can be sent."""
    found = {field.id: text for field in FIELDS.values() if (text := _trouble(field, values, taken))}
    if not found:
        try:
            config(values).check()
        except ConfigError as error:
            found[_field_of(error, values)] = f"allowed: {error.allowed}"
    return found


def _field_of(error: ConfigError, values: Values) -> str:
    """The field of an error that only all fields together have."""
    for name, kind in DRILLS.items():
        if error.field == f"drills ({kind})" and error.value in _steps(values[name]):
            return name
    return error.field if error.field in FIELDS else "run"


def _trouble(field: Field, values: Values, taken: Collection[str]) -> str | None:
    value = values[field.id].strip()
    if not value and field.id != "gpu":
        return None if field.kind is Kind.STEPS else f"needed: {field.hint}"
    if field.id == "run":
        return _name_trouble(value, taken)
    if field.kind is Kind.STEPS:
        return None if all(WHOLE.match(part) for part in _parts(value)) else "only whole numbers and commas"
    return _misread(field, value) or _refused(field, value)


def _misread(field: Field, value: str) -> str | None:
    if field.kind is Kind.WHOLE and not WHOLE.match(value):
        return "not a whole number"
    if field.kind is Kind.REAL and not REAL.match(value):
        return "not a number"
    return f"only {YES} or {NO}" if field.kind is Kind.FLAG and value not in (YES, NO) else None


def _refused(field: Field, value: str) -> str | None:
    """What `RunConfig` says of this value alone."""
    try:
        msgspec.structs.replace(DEFAULTS, **{field.id: _value(field, value)}).check()
    except ConfigError as error:
        return f"allowed: {error.allowed}" if error.field == field.id != "minibatches" else None
    return None


def _name_trouble(name: str, taken: Collection[str]) -> str | None:
    if not RUN_NAME.match(name):
        return "only a-z, 0-9 and -"
    return "there is a run of this name" if name in taken else None


def _value(field: Field, text: str) -> Any:
    if field.kind is Kind.FLAG:
        return text == YES
    return {Kind.WHOLE: int, Kind.REAL: float}.get(field.kind, str)(text)


def spawned_again(given: Mapping[str, Any]) -> str:
    """The command that spawns another run of a recorded config, under a name of its own."""
    return shown(command({**recorded(given), "run": ""}), LONGEST_COMMAND)


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text.strip()) if part]


def _steps(text: str) -> list[int]:
    return [int(part) for part in _parts(text)]


def config(values: Values) -> RunConfig:
    """The run that the form describes, unchecked; every field must be readable."""
    fields = {field.id: _value(field, values[field.id].strip()) for field in CONFIG_FIELDS}
    drills = tuple(Drill(kind, step) for name, kind in DRILLS.items() for step in _steps(values[name]))
    return RunConfig(**fields, drills=drills)


def command(values: Values) -> str:
    """The same on the command line; what is as by default is left out, but not the task."""
    given = {**initial(()), "run": ""}
    parts = ["middlewatch spawn"]
    for field in FIELDS.values():
        value = values[field.id].strip()
        if field.kind is Kind.STEPS:
            parts += [f"{field.flag} {shlex.quote(step)}" for step in _parts(value)]
        elif field.kind is Kind.FLAG and value != given[field.id]:
            parts.append(field.flag if value == YES else field.flag.replace("--", "--no-", 1))
        elif field.id == "task" or (value != given[field.id] and (value or field.id == "gpu")):
            parts.append(f"{field.flag} {shlex.quote(value)}")
    return " ".join(parts)
