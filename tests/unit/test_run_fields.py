"""The form's fields and the command's options are one table, and it is the trainer's own config."""

import shlex

import click
import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from remote.vocabulary.run_config import Drill, DrillKind, RunConfig
from tui_app.run_fields import (
    CONFIG_FIELDS,
    FIELDS,
    Kind,
    command,
    config,
    differing,
    initial,
    recorded,
    spawned_again,
    troubles,
)
from tui_app.verbs.spawning import config_from, field_options


def parsed(line: str) -> RunConfig:
    """The config that the command line of a form comes to."""
    found: list[RunConfig] = []

    @click.command()
    @field_options
    def spawn(**options: object) -> None:
        found.append(config_from({}, options))

    words = shlex.split(line)
    assert words[:2] == ["middlewatch", "spawn"]
    result = CliRunner().invoke(spawn, words[2:], catch_exceptions=False)
    assert not result.exit_code, result.output
    return found[0]


def test_every_field_of_a_config_can_be_said_in_the_form_and_on_the_command_line() -> None:
    assert {field.id for field in CONFIG_FIELDS} == set(RunConfig.__struct_fields__) - {"drills"}
    assert parsed(command(initial(()))) == RunConfig()


def test_the_form_opens_with_the_defaults_and_nothing_wrong() -> None:
    values = initial({"sort-digits", "sort-digits-2"})
    assert values["run"] == "sort-digits-3"
    assert not troubles(values, {"sort-digits"})
    assert config(values) == RunConfig()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "completion_tokens": st.integers(0, 32768).map(str),
            "advantage_std": st.sampled_from(["yes", "no"]),
            "clip_low": st.floats(0, 1).map(lambda number: f"{number:.6f}"),
            "clip_high": st.floats(0, 10).map(lambda number: f"{number:.6f}"),
            "eval_interval": st.integers(0, 1000).map(str),
            "eval_prompts": st.integers(1, 4096).map(str),
            "gpu": st.sampled_from(["", "A100", "H100:4"]),
            "max_retries": st.integers(0, 10).map(str),
            "loss": st.sampled_from(["dppo-kl", "clip"]),
            "fail_at_step": st.lists(st.integers(1, 250), max_size=3).map(lambda s: ", ".join(map(str, s))),
        },
    )
)
def test_the_command_of_a_form_spawns_what_the_form_spawns(typed: dict[str, str]) -> None:
    values = {**initial(()), **typed}
    assert not troubles(values, ())
    assert parsed(command(values)) == config(values)


def test_a_task_in_english_needs_a_model_that_reads_it() -> None:
    values = {**initial(()), "task": "reasoning-gym:letter_counting"}
    assert troubles(values, ()) == {
        "model": "allowed: a Hugging Face name or path: reasoning-gym:letter_counting is in English, "
        "and needs its tokenizer"
    }
    values["model"] = "some where/model"
    assert not troubles(values, ())
    assert parsed(command(values)).model == "some where/model"


@pytest.mark.parametrize("field", [f for f in FIELDS.values() if f.kind in (Kind.WHOLE, Kind.REAL)])
def test_what_is_no_number_is_refused_before_it_is_read(field: msgspec.Struct) -> None:
    for text in ("", "x", "1e999", "0x10", "--1", "nan", "inf", "1 2"):
        assert field.id in troubles({**initial(()), field.id: text}, ()), text  # type: ignore[attr-defined]


@given(
    st.builds(
        RunConfig,
        task=st.sampled_from(["sort-digits", "reverse-text", "add-numbers"]),
        steps=st.integers(100, 10**6),
        seed=st.integers(0, 2**31 - 1),
        learning_rate=st.floats(1e-8, 1),
        advantage_std=st.booleans(),
        gpu=st.sampled_from(["", "A100", "H100:8"]),
        grace_seconds=st.floats(0, 30),
        drills=st.lists(st.builds(Drill, st.sampled_from(DrillKind), st.integers(1, 99)), max_size=3).map(
            tuple
        ),
    )
)
def test_the_command_for_another_of_a_recorded_run_spawns_the_same_config(given: RunConfig) -> None:
    again = parsed(spawned_again(msgspec.to_builtins(given)))
    assert set(again.drills) == set(given.drills)
    assert msgspec.structs.replace(again, drills=()) == msgspec.structs.replace(given, drills=())


def test_a_recorded_config_is_by_default_where_it_tells_nothing_and_can_hold_anything() -> None:
    assert differing(recorded({})) == []
    hostile = {"task": "\x1b]0;title\x07; rm -rf ~", "steps": [1], "drills": ["x", {"kind": 7}, {"step": 3}]}
    assert {field.id for field in differing(recorded(hostile))} == {"task", "steps"}
    assert differing(recorded({"drills": 5})) == []
    command = spawned_again(hostile)
    assert command.isprintable()
    assert shlex.split(command)[3].endswith("; rm -rf ~")
