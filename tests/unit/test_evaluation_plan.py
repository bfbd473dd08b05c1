"""What an evaluation is to be is checked before anything is called, and says what it would cost."""

import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "state"))
from story import Story, live_story

from tui_app.evaluating import evaluation_costs, hour_of, plan_costs, refuse_cancel, refuse_evaluation
from tui_app.evaluation_plan import MOST_PROMPTS, MOST_SLICES, Plan, PlanError, planned
from tui_app.state.cost import Prices
from tui_app.state.evaluation import EvaluationView
from tui_app.state.levels import Level

VIEW = live_story().view


@given(st.integers(1, MOST_PROMPTS), st.integers(1, MOST_SLICES))
def test_the_parts_are_all_prompts_once_and_differ_by_one_at_most(prompts: int, slices: int) -> None:
    slices = min(slices, prompts)
    parts = Plan(step=1, prompts=prompts, slices=slices).parts()
    assert len(parts) == slices
    assert [first for first, _ in parts] == [sum(count for _, count in parts[:n]) for n in range(slices)]
    counts = [count for _, count in parts]
    assert sum(counts) == prompts
    assert max(counts) - min(counts) <= 1 <= min(counts)


def test_what_is_left_out_is_the_newest_commit_and_the_usual_numbers() -> None:
    assert planned(VIEW) == Plan(step=10, prompts=256, slices=4)
    assert planned(VIEW, prompts=2).slices == 2
    assert planned(VIEW).options == "--step 10"
    assert planned(VIEW, 10, 100, 7).options == "--step 10 --prompts 100 --slices 7"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ((0, None, None), "step is 0; allowed is a committed step, the newest is 10"),
        ((None, 65_537, None), "prompts is 65537; allowed is 1 to 65536"),
        ((None, -1, None), "prompts is -1"),
        ((None, None, 0), "slices is 0; allowed is 1 to 64 with 256 prompts"),
        ((None, 3, 4), "slices is 4; allowed is 1 to 3 with 3 prompts"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(asked: tuple[int | None, ...], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        planned(VIEW, *asked)


def test_a_run_without_a_commit_and_a_foreign_one_are_refused() -> None:
    story = Story()
    story.spawn()
    assert "has no committed checkpoint yet" in (refuse_evaluation(story.view) or "")
    foreign = msgspec.structs.replace(VIEW, level=Level.L2)
    assert "not of our trainer" in (refuse_evaluation(foreign) or "")
    assert refuse_evaluation(VIEW) is None


def test_one_at_a_time_and_only_what_is_under_way_can_be_ended() -> None:
    under_way = EvaluationView(id="a", step=10, prompts=64, slices=4, started_at=0.0, done=1)
    view = msgspec.structs.replace(VIEW, evaluation=under_way)
    assert "step 10 is under way (1 of 4 slices)" in (refuse_evaluation(view) or "")
    assert refuse_cancel(view) is None
    over = msgspec.structs.replace(under_way, outcome="done")
    view = msgspec.structs.replace(VIEW, evaluation=over)
    assert (refuse_evaluation(view), refuse_cancel(view)) == (None, "no evaluation of r7 is under way")


def test_the_cost_names_step_prompts_containers_gpus_and_the_price_or_that_there_is_none() -> None:
    text = " ".join(evaluation_costs(VIEW, hour_of(VIEW, Prices({"H100": 3.95}, "USD"))))
    assert "checkpoint of step 10 answers 256 held-out prompts" in text
    assert "4 containers each with one H100" in text
    assert "4 H100 (3.95 USD an hour each)" in text
    unknown = " ".join(evaluation_costs(VIEW, hour_of(VIEW, Prices())))
    assert "no price for H100: [prices] in the config" in unknown
    demo = msgspec.structs.replace(VIEW, cpu_demo=True)
    one = " ".join(plan_costs(demo, Plan(step=10, prompts=1, slices=1), None))
    assert "1 held-out prompt " in one
    assert "1 container without a GPU" in one
    assert "no GPU to pay for" in one
