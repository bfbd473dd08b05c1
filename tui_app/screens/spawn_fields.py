"""The spawn form's fields and what they add up to: pure, checked with `RunConfig` one by one.

troubles(values, taken)["steps"]    # 'allowed: 1 to 1000000'
command(values)                     # 'middlewatch spawn --task sort-digits --steps 500'
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import msgspec

from remote.vocabulary.run_config import TASKS, ConfigError, Drill, DrillKind, RunConfig

RUN_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}\Z")
WHOLE = re.compile(r"[+-]?[0-9]{1,18}\Z")
DEFAULTS = RunConfig()


class Field(msgspec.Struct, frozen=True):
    """One line of the form. ``flag`` is the command line's; an optional field may stay empty."""

    id: str
    label: str
    flag: str
    hint: str
    whole: bool = True
    optional: bool = False


_FIELDS = (
    Field("run", "name", "--name", "a-z, 0-9 and -", whole=False),
    Field("task", "task", "--task", "one of " + ", ".join(TASKS), whole=False),
    Field("steps", "steps", "--steps", "1 to 1000000"),
    Field("seed", "seed", "--seed", "0 to 2147483647"),
    Field("max_retries", "max retries", "--max-retries", "0 to 10"),
    Field("checkpoint_interval", "checkpoint every", "--checkpoint-interval", "steps, 1 to 100000"),
    Field("fail_at_step", "fail at step", "--fail-at-step", "empty for never", optional=True),
)
FIELDS = {field.id: field for field in _FIELDS}
Values = Mapping[str, str]


def initial(taken: Collection[str]) -> dict[str, str]:
    """The form as it opens: the defaults under the next free name."""
    base, number = DEFAULTS.task, 1
    while (name := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return {
        "run": name,
        "task": DEFAULTS.task,
        "steps": str(DEFAULTS.steps),
        "seed": str(DEFAULTS.seed),
        "max_retries": str(DEFAULTS.max_retries),
        "checkpoint_interval": str(DEFAULTS.checkpoint_interval),
        "fail_at_step": "",
    }


def troubles(values: Values, taken: Collection[str]) -> dict[str, str]:
    """What is wrong, by field; empty where the form can be sent."""
    found = {field.id: text for field in _FIELDS if (text := _trouble(field, values, taken))}
    if "steps" not in found and "fail_at_step" not in found:
        try:
            config(values).check()
        except ConfigError as error:
            found["fail_at_step" if error.field.startswith("drills") else error.field] = (
                f"allowed: {error.allowed}"
            )
    return found


def _trouble(field: Field, values: Values, taken: Collection[str]) -> str | None:
    value = values[field.id].strip()
    if not value:
        return None if field.optional else f"needed: {field.hint}"
    if field.id == "run":
        return _name_trouble(value, taken)
    if field.whole and not WHOLE.match(value):
        return "not a whole number"
    if field.id == "fail_at_step":
        return None
    try:
        msgspec.structs.replace(DEFAULTS, **{field.id: int(value) if field.whole else value}).check()
    except ConfigError as error:
        return f"allowed: {error.allowed}"
    return None


def _name_trouble(name: str, taken: Collection[str]) -> str | None:
    if not RUN_NAME.match(name):
        return "only a-z, 0-9 and -"
    return "there is a run of this name" if name in taken else None


def config(values: Values) -> RunConfig:
    """The run that the form describes, unchecked; every whole field must hold a whole number."""
    fail_at = values["fail_at_step"].strip()
    return RunConfig(
        task=values["task"].strip(),
        steps=int(values["steps"]),
        seed=int(values["seed"]),
        max_retries=int(values["max_retries"]),
        checkpoint_interval=int(values["checkpoint_interval"]),
        drills=(Drill(DrillKind.EXCEPTION, int(fail_at)),) if fail_at else (),
    )


def command(values: Values) -> str:
    """The same on the command line; what is as by default is left out."""
    given = {**initial(()), "run": ""}
    parts = ["middlewatch spawn"]
    for field in _FIELDS:
        value = values[field.id].strip()
        if field.id == "task" or (value and value != given[field.id]):
            parts.append(f"{field.flag} {value}")
    return " ".join(parts)
