"""Random `kill -9` over a run of the deployed class: what follows is the run that was never killed.

MIDDLEWATCH_SEED=… python -m pytest -n0 -s -m chaos tests/faults/test_trainer_kills.py     # 200 kills
"""

import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from kill_plan import draw
from trainer_cloud import SMALL, TrainerCloud, chosen_seed, run_script, trainer_cloud
from trainer_promises import Story, broken, data, redone, rhythm

from remote.vocabulary.run_config import RunConfig

WHOLE = RunConfig(steps=250, prompts_per_step=16, checkpoint_interval=1, wandb="disabled", gpu="")
"""The default recipe with half its batch, and a checkpoint each step: 200 kills of which a third may come to
nothing leave little more than a step an attempt."""
CHAOS_SECONDS = 3600
PLAIN_TRAINER = Path(__file__).with_name("plain_trainer.py")


@pytest.fixture(scope="module")
def cloud() -> Iterator[TrainerCloud]:
    with trainer_cloud() as made:
        yield made


@pytest.mark.timeout(240)
def test_a_run_killed_at_random_is_the_run_that_was_not_killed(cloud: TrainerCloud) -> None:
    assert_kills_cost_nothing(cloud, SMALL, 4)


@pytest.mark.chaos
@pytest.mark.timeout(CHAOS_SECONDS + 300)
def test_a_run_killed_200_times_is_the_run_that_was_not_killed(cloud: TrainerCloud) -> None:
    assert_kills_cost_nothing(cloud, WHOLE, 200)


def assert_kills_cost_nothing(cloud: TrainerCloud, config: RunConfig, count: int) -> None:
    rng = random.Random(chosen_seed())
    task: dict[str, Any] = {"config": config.to_json(), "seconds": 300}
    reference = cloud.carry_out(task | {"run": f"undisturbed-{count}"}, seconds=600)
    assert data(reference, "run.ended", state="SUCCEEDED"), data(reference, "exception.raised")
    kills = draw(rng, count, last_step=config.steps * 3 // 4)
    plan = {"run": f"killed-{count}", "kills": kills, "rhythm": asdict(rhythm(reference))}
    story = cloud.carry_out(task | plan, seconds=CHAOS_SECONDS)
    report(story)
    assert broken(story, reference, interval=config.checkpoint_interval) == []
    assert len({kill["attempt"] for kill in story["kills"]}) == count
    assert story["attempts"] > count


@pytest.mark.timeout(240)
def test_three_attempts_in_a_row_that_commit_nothing_end_the_run(cloud: TrainerCloud) -> None:
    """The same kills without the pause in which an attempt can commit: the fourth attempt gives up."""
    config = RunConfig.from_json(SMALL.to_json() | {"steps": 4000, "checkpoint_interval": 4000})
    kills = [{"step": 1, "share": 0.5, "in_save": False}] * 3
    pace = {"start": 0.5, "step": 0.05, "save": 0.05}
    task = {"run": "in-vain", "config": config.to_json(), "kills": kills, "rhythm": pace, "crash_loop": True}
    story = cloud.carry_out(task, seconds=200)
    (end,) = data(story, "run.ended")
    assert (end["attempt"], end["state"], end["reason"]) == (4, "FAILED", "crash_loop")
    assert end["detail"] == "3 attempts in a row committed no new step"
    assert (story["attempts"], story["calls"], story["result"]["reason"]) == (4, 1, "crash_loop")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("saver", ["whole", "naive"])
def test_the_same_kills_break_a_trainer_that_saves_in_place(tmp_path: Path, saver: str) -> None:
    """Negative control, and its own control: the learner, the driver and the promises are the same; only
    the naive saver writes under final names, without a manifest, and resumes from the highest step."""
    count = 12
    config = RunConfig.from_json(SMALL.to_json() | {"checkpoint_interval": 2})
    kills = draw(random.Random(chosen_seed()), count, last_step=30, in_save=1.0, at_start=0.0)
    task = {"saver": saver, "config": config.to_json(), "directory": str(tmp_path), "kills": kills}
    stories = run_script(PLAIN_TRAINER, task, seconds=200)
    report(stories["killed"])
    found = broken(stories["killed"], stories["undisturbed"], interval=config.checkpoint_interval)
    print(*found, sep="\n")
    if saver == "whole":
        assert (found, len(stories["killed"]["kills"])) == ([], count)
    else:
        assert found, "a naive trainer kept every promise: these kills prove nothing"


def report(story: Story) -> None:
    kills, costs = story["kills"], [steps for steps, _ in redone(story)]
    print(
        f"{len(kills)} kills in {story['seconds']:.0f} s, {story['calls']} calls; "
        f"{sum(kill['in_save'] for kill in kills)} left a checkpoint unfinished, "
        f"{sum(kill['committed'] for kill in kills)} came after a commit; "
        f"steps redone {sum(costs)}, at most {max(costs, default=0)} a kill"
    )
