"""Sorting digits: the same example each time, and a reward that says how much is right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.training.task import Example, SortDigits, build_task
from remote.vocabulary.run_config import ConfigError, RunConfig

TASK = SortDigits(length=6, seed=0)
EXAMPLE = Example("314150", "011345")


def test_an_example_depends_on_seed_and_index_alone() -> None:
    assert TASK.example(7) == SortDigits(length=6, seed=0).example(7)
    assert TASK.example(7) != TASK.example(8)
    assert TASK.example(7) != SortDigits(length=6, seed=1).example(7)


@given(index=st.integers(0, 10**9), length=st.integers(2, 16))
def test_the_right_answer_has_the_whole_reward(index: int, length: int) -> None:
    task = SortDigits(length, seed=3)
    example = task.example(index)
    assert example.answer == "".join(sorted(example.prompt))
    assert task.score(example, example.answer, ended=True) == (1.0, True)


@pytest.mark.parametrize(
    ("completion", "ended", "reward"),
    [
        ("011345", False, 6 / 7),
        ("011355", True, 6 / 7),
        ("0113457", True, 6 / 8),
        ("01", True, 2 / 7),
        ("", True, 0.0),
        ("", False, 0.0),
        ("^>$_01", False, 0.0),
    ],
)
def test_the_reward_is_the_share_of_right_positions(completion: str, ended: bool, reward: float) -> None:
    score = TASK.score(EXAMPLE, completion, ended=ended)
    assert score.reward == pytest.approx(reward)
    assert not score.exact


@given(completion=st.text("01234567^>", max_size=20), ended=st.booleans())
def test_a_reward_is_between_nothing_and_one(completion: str, ended: bool) -> None:
    score = TASK.score(EXAMPLE, completion, ended=ended)
    assert 0.0 <= score.reward <= 1.0
    assert score.exact == (score.reward == 1.0)


def test_an_unknown_task_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="task is 'chess'; allowed is one of sort-digits"):
        build_task(RunConfig(task="chess"))
