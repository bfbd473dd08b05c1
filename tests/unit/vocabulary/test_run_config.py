"""Every field of a run's config is refused by name, value and what is allowed, before anything is spawned."""

import math
import re
from typing import Any

import msgspec
import pytest

from remote.vocabulary.run_config import (
    ConfigError,
    Drill,
    DrillKind,
    RunConfig,
    allowed,
    demo,
    gpu_count,
)

NOT_A_NUMBER = ["6", None, True, [], math.nan]
WHOLE = [*NOT_A_NUMBER, 1.5]
OVER = 10**30

REFUSED: dict[str, list[Any]] = {
    "task": ["", "chess", "Sort-Digits", "reasoning-gym:", "reasoning-gym:../x", 3, None],
    "task_length": [1, 17, OVER, *WHOLE],
    "model": ["", "x" * 201, 3, None],
    "steps": [0, -1, 1_000_001, OVER, *WHOLE],
    "seed": [-1, 2**31, *WHOLE],
    "prompts_per_step": [0, 4097, *WHOLE],
    "group_size": [1, 257, *WHOLE],
    "minibatches": [0, 257, 5, *WHOLE],
    "temperature": [0.0, 10.5, math.inf, *NOT_A_NUMBER],
    "completion_tokens": [-1, 32_769, *WHOLE],
    "advantage_std": [1, "true", None, 0.5],
    "learning_rate": [0.0, 1.5, -1e-3, math.inf, *NOT_A_NUMBER],
    "warmup_steps": [-1, 100_001, *WHOLE],
    "entropy_bonus": [-0.1, 1.1, *NOT_A_NUMBER],
    "grad_clip": [0.0, 1001.0, *NOT_A_NUMBER],
    "loss": ["", "ppo", 1, None],
    "mask_low": [-0.1, 1.1, *NOT_A_NUMBER],
    "mask_high": [-0.1, 1.1, *NOT_A_NUMBER],
    "clip_low": [-0.1, 1.1, *NOT_A_NUMBER],
    "clip_high": [-0.1, 10.1, *NOT_A_NUMBER],
    "kl_tau": [-0.1, 10.1, *NOT_A_NUMBER],
    "checkpoint_interval": [0, 100_001, *WHOLE],
    "eval_interval": [-1, 1_000_001, *WHOLE],
    "eval_prompts": [0, 4097, *WHOLE],
    "keep_last": [0, 1001, *WHOLE],
    "keep_every": [-1, 1_000_001, *WHOLE],
    "max_retries": [-1, 11, *WHOLE],
    "grace_seconds": [-0.1, 30.5, *NOT_A_NUMBER],
    "gpu": ["H100:0", "H100:9", "H100:", ":8", "H100:x", "a b", 8, None],
    "wandb": ["", "on", True, None],
    "drills": [
        3,
        None,
        [3],
        [{"kind": "flood", "step": 1}],
        [{"kind": "preempt"}],
        [{"kind": "preempt", "step": "1"}],
        [{"kind": "preempt", "step": 0}],
        [{"kind": "preempt", "step": 251}],
    ],
}
"""Of each field, values that must be refused when everything else is as by default."""


def test_every_field_has_values_that_are_refused_here() -> None:
    assert REFUSED.keys() == set(RunConfig.__struct_fields__)


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in REFUSED.items() for v in values])
def test_a_value_that_is_not_allowed_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_json({field: value})
    assert caught.value.field.split()[0] == field
    shown = re.sub(r"\s+", " ", str(caught.value))
    assert f"{field}" in shown
    assert "allowed is" in shown
    assert caught.value.allowed
    if field != "drills":
        assert repr(value) in shown


@pytest.mark.parametrize("field", RunConfig.__struct_fields__)
def test_what_is_allowed_can_be_said_of_every_field(field: str) -> None:
    assert allowed(field)


LIMITS = [
    (field, float(limit))
    for field in RunConfig.__struct_fields__
    if (bounds := re.fullmatch(r"(\S+) to (\S+)", allowed(field)))
    for limit in bounds.groups()
]


@pytest.mark.parametrize(("field", "limit"), LIMITS)
def test_the_limits_that_are_named_are_allowed_themselves(field: str, limit: float) -> None:
    whole = isinstance(getattr(RunConfig(), field), int)
    others = {"prompts_per_step": 1024} if field == "minibatches" else {}
    others |= {"minibatches": 1} if field == "prompts_per_step" else {}
    config = RunConfig.from_json({field: int(limit) if whole else limit, **others})
    assert getattr(config, field) == limit


def test_an_unknown_field_is_named_and_the_known_ones_are_listed() -> None:
    with pytest.raises(ConfigError, match=r"stpes is 5; allowed is a field: .*steps"):
        RunConfig.from_json({"stpes": 5})


@pytest.mark.parametrize("value", [3, None, "steps", [1], {1: 2}])
def test_what_is_no_config_at_all_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError):
        RunConfig.from_json(value)


def test_a_task_in_english_needs_a_model_that_reads_it() -> None:
    with pytest.raises(ConfigError, match=r"model is 'tiny-llama'; .*reasoning-gym:letter_counting"):
        RunConfig.from_json({"task": "reasoning-gym:letter_counting"})
    RunConfig.from_json({"task": "reasoning-gym:letter_counting", "model": "some/model"})


def test_a_config_comes_back_from_its_json() -> None:
    config = RunConfig(
        steps=9, loss="clip", advantage_std=False, drills=(Drill(DrillKind.PREEMPT, 3),), eval_interval=3
    )
    assert RunConfig.from_json(msgspec.json.decode(msgspec.json.encode(config.to_json()))) == config


def test_a_config_of_an_older_version_is_still_read() -> None:
    old = {name: value for name, value in RunConfig().to_json().items() if name != "eval_interval"}
    assert RunConfig.from_json(old) == RunConfig()


@pytest.mark.parametrize(
    ("gpu", "count"), [("H100:8", 8), ("A100", 1), ("A100-80GB:2", 2), ("", 0), ("H100!:4", 4)]
)
def test_a_gpu_request_is_counted(gpu: str, count: int) -> None:
    assert gpu_count(gpu) == count


@pytest.mark.parametrize("patient", [True, False])
def test_the_demos_config_is_allowed(patient: bool) -> None:
    assert {drill.kind for drill in demo(RunConfig(), patient=patient).drills} == set(DrillKind)
    assert demo(RunConfig(), patient=patient, drill=False).drills == ()


def test_the_retries_wait_as_the_deployed_class_does() -> None:
    assert [RunConfig().retries.delay(k) for k in (1, 2, 3)] == [5.0, 10.0, 20.0]
