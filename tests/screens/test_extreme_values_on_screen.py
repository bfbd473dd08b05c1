"""Values at the ends of what a float can be, and beyond, are shown as something: no screen breaks on them."""

from __future__ import annotations

import math

import pytest
from conftest import LARGE, SMALL, Open
from run_story import Journal, RunStory

RUN = "sort-digits"


def begun(journal: Journal) -> RunStory:
    return journal.story(ago=60).begin().steps(12)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
@pytest.mark.parametrize("name", ["reward/mean", "loss"])
async def test_an_evaluation_that_is_not_finite(
    journal: Journal, open_board: Open, name: str, value: float
) -> None:
    begun(journal).say("eval.completed", step=5, metrics={name: value, "exact_match": 0.2})
    async with open_board(RUN, size=LARGE) as board:
        await board.shows("step 12/250")
        await board.press("E")
        await board.shows(name, "attempt 1", "0.200")


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("values", [(1.7e308,), (1e308, -1e308), (1e299, -1e299), (1e290,)])
async def test_a_loss_at_the_end_of_floats(
    journal: Journal, open_board: Open, size: tuple[int, int], values: tuple[float, ...]
) -> None:
    story = begun(journal)
    for step, value in enumerate(values, 13):
        story.say("step.completed", step=step, of=250, metrics={"loss": value, "reward/mean": 0.2})
    async with open_board(RUN, size=size) as board:
        await board.shows(f"step {12 + len(values)}/250")
        for key in ("2", "L", "S", "L"):
            await board.press(key)
            await board.shows(f"step {12 + len(values)}/250")


async def test_a_single_huge_loss_on_a_logarithmic_axis(journal: Journal, open_board: Open) -> None:
    journal.story(ago=60).begin().say("step.completed", step=1, of=250, metrics={"loss": 1e290})
    async with open_board(RUN, size=LARGE) as board:
        await board.shows("step 1/250")
        await board.press("2", "L")
        await board.shows("1e300")


@pytest.mark.parametrize("run", [None, RUN], ids=["home", "run"])
async def test_rewards_and_step_times_at_the_end_of_floats(
    journal: Journal, open_board: Open, run: str | None
) -> None:
    story = begun(journal)
    for step, value in enumerate((1e308, -1e308, 1e300, -1e300) * 12, 13):
        metrics = {"reward/mean": value, "step_seconds": abs(value)}
        story.say("step.completed", step=step, of=2**53, metrics=metrics)
    async with open_board(run, size=LARGE) as board:
        await board.shows(RUN, "RUNNING")


@pytest.mark.parametrize("run", [None, RUN], ids=["home", "run"])
@pytest.mark.parametrize("retry", [0, 5000])
async def test_a_retry_that_no_policy_has(
    journal: Journal, open_board: Open, retry: int, run: str | None
) -> None:
    story = begun(journal)
    about = {"retry": retry, "of": 3, "delay": 50.0}
    story.say("attempt.ended", cause="exception", step=12, committed_step=10, will_retry=True, **about)
    story.infer("retry.scheduled", attempt=1, due=journal.clock() + 50, **about)
    async with open_board(run, size=LARGE) as board:
        await board.shows(f"BACKOFF retry {retry}/3", "(delay 50 s)")


@pytest.mark.parametrize("grace", ["30s", None])
async def test_a_grace_that_is_no_number_does_not_keep_from_asking(
    journal: Journal, open_board: Open, grace: object
) -> None:
    story = journal.story(ago=60)
    story.generation = 1
    about = {"call_id": "fc-0001", "verb": "adopt", "by": "ana", "host": "h", "generation": 1}
    story.infer("run.spawned", config={"grace_seconds": grace}, **about)
    story.wait(4).claim().say("phase.changed", phase="STEPPING").steps(5)
    async with open_board(RUN, size=LARGE) as board:
        await board.shows("step 5")
        await board.press("p")
        await board.shows("after 30 s of")
