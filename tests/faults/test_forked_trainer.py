"""A trainer that is forked from a template trains, bit for bit, what a cold one does."""

from contextlib import ExitStack

import pytest
from trainer_cloud import SMALL, TrainerCloud, trainer_cloud
from trainer_promises import broken, data

from tests.contract.contract_cloud import wait_for

KINDS: dict[str, dict[str, int]] = {"cold": {}, "template": {"templates": 1, "spares": 1}}


@pytest.mark.timeout(400)
def test_a_forked_run_is_the_run_that_a_cold_start_makes():
    task = {"config": SMALL.to_json(), "seconds": 300}
    with ExitStack() as stack:
        clouds = {kind: stack.enter_context(trainer_cloud(**has)) for kind, has in KINDS.items()}
        wait_for(lambda: ready(clouds["template"]), seconds=120)
        stories = {kind: cloud.carry_out(task | {"run": kind}, seconds=300) for kind, cloud in clouds.items()}
    for kind, story in stories.items():
        assert data(story, "run.ended", state="SUCCEEDED"), data(story, "exception.raised")
        assert data(story, "attempt.claimed", start=kind)
    assert broken(stories["template"], stories["cold"], interval=SMALL.checkpoint_interval) == []


def ready(cloud: TrainerCloud) -> bool:
    """Whether a fork waits for a call."""
    status = cloud.status()
    return bool(status["spares_ready"] and status["templates"]["ready"])
