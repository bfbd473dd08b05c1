"""Puzzles on symbols: the same example each time, and a reward that says how much is right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.training.codec import CharacterCodec
from remote.training.task import HELD_OUT_FROM, SYMBOL_TASKS, Example, SortDigits, SymbolTask, build_task
from remote.vocabulary.run_config import TASKS, ConfigError, RunConfig

TASK = SortDigits(length=6, seed=0)
EXAMPLE = Example("314150", "011345")
NAMES = st.sampled_from(sorted(SYMBOL_TASKS))
INDICES = st.one_of(st.integers(0, 10**9), st.integers(HELD_OUT_FROM, HELD_OUT_FROM + 10**6))
LENGTHS = st.integers(2, 16)


def right_answer(name: str, prompt: str) -> str:
    if name == "sort-digits":
        return "".join(sorted(prompt))
    if name == "reverse-text":
        return "".join(reversed(prompt))
    return str(sum(int(number) for number in prompt.split("+")))


def test_every_task_that_a_config_may_name_is_here() -> None:
    assert set(TASKS) == set(SYMBOL_TASKS)
    for name in TASKS:
        assert isinstance(build_task(RunConfig(task=name)), SYMBOL_TASKS[name])


@pytest.mark.parametrize("task", SYMBOL_TASKS.values())
def test_an_example_depends_on_seed_and_index_alone(task: type[SymbolTask]) -> None:
    later = task(6, 0)
    for index in range(5):
        later.example(index)
    assert later.example(7) == task(6, 0).example(7)
    assert task(6, 0).example(7) != task(6, 0).example(8)
    assert task(6, 0).example(7) != task(6, 1).example(7)


@given(name=NAMES, index=INDICES, length=LENGTHS, seed=st.integers(0, 2**31 - 1))
def test_the_right_answer_has_the_whole_reward(name: str, index: int, length: int, seed: int) -> None:
    task = SYMBOL_TASKS[name](length, seed)
    example = task.example(index)
    assert example == SYMBOL_TASKS[name](length, seed).example(index)
    assert example.answer == right_answer(name, example.prompt)
    assert task.score(example, example.answer, ended=True) == (1.0, True)
    assert task.score(example, example.answer, ended=False).exact is False


@given(name=NAMES, index=INDICES, length=LENGTHS, place=st.integers(0, 16), seed=st.integers(0, 99))
def test_one_wrong_symbol_costs_one_position(
    name: str, index: int, length: int, place: int, seed: int
) -> None:
    task = SYMBOL_TASKS[name](length, seed)
    example = task.example(index)
    place %= len(example.answer)
    wrong = next(symbol for symbol in task.symbols if symbol != example.answer[place])
    completion = example.answer[:place] + wrong + example.answer[place + 1 :]
    positions = len(example.answer) + 1
    assert task.score(example, completion, ended=True) == (pytest.approx((positions - 1) / positions), False)


@given(name=NAMES, indices=st.tuples(INDICES, INDICES), length=LENGTHS)
def test_prompts_of_one_length_have_one_number_of_known_symbols(
    name: str, indices: tuple[int, int], length: int
) -> None:
    task = SYMBOL_TASKS[name](length, seed=3)
    codec = CharacterCodec(task.symbols)
    a, b = (task.example(index) for index in indices)
    assert codec.reads(a.prompt)
    assert codec.reads(a.answer)
    assert len(codec.encode(a.prompt)) == len(codec.encode(b.prompt))
    assert len(a.answer) <= task.answer_length


@given(name=NAMES, completion=st.text("01234567abc+^>", max_size=20), ended=st.booleans())
def test_a_reward_is_between_nothing_and_one(name: str, completion: str, ended: bool) -> None:
    task = SYMBOL_TASKS[name](4, seed=0)
    score = task.score(task.example(0), completion, ended=ended)
    assert 0.0 <= score.reward <= 1.0
    assert score.exact == (score.reward == 1.0)


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


def test_no_run_trains_on_what_is_held_out() -> None:
    longest = RunConfig(steps=1_000_000, prompts_per_step=4096, minibatches=1).check()
    assert longest.steps * longest.prompts_per_step < HELD_OUT_FROM


def test_an_unknown_task_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="task is 'chess'; allowed is one of sort-digits"):
        build_task(RunConfig(task="chess"))
