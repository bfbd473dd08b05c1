"""A real preemption of the deployed class in each phase: right cause, right deadline, right number of steps
to do again, and in the end the run that was never interrupted.

One run goes through all phases, one an attempt. The platform interrupts the container while `held_phases`
holds it in the phase; nothing else is different from any other run.
"""

import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import interrupted_python
import pytest
from trainer_cloud import SMALL, TrainerCloud, chosen_seed, trainer_cloud
from trainer_promises import Story, broken, data

from remote.vocabulary.run_config import RunConfig

CONFIG = RunConfig.from_json(SMALL.to_json() | {"eval_interval": 2, "eval_prompts": 8})
STEPPING = ["rollout", "score", "update", "eval", "checkpoint", "commit"]
FIRST_STEP, STEPS_APART = 6, 5
LONG, SHORT = 30.0, 0.4
CLOCK_SET_BACK = 0.5
"""Deadlines are wall-clock times, and a machine may set its clock back a little in between (seconds)."""
ROUND_SECONDS = 300
ROUNDS = [
    pytest.param(1, marks=pytest.mark.timeout(ROUND_SECONDS + 120)),
    pytest.param(10, marks=[pytest.mark.chaos, pytest.mark.timeout(10 * ROUND_SECONDS)]),
]
Held = dict[str, Any]


class Interrupted:
    """A cloud whose containers can be held."""

    def __init__(self, cloud: TrainerCloud, notes: Path) -> None:
        self.cloud, self._notes = cloud, notes
        self._runs = 0

    def run(
        self, phases: list[str], grace: float, *, granted: float | None = None
    ) -> tuple[Story, list[Held]]:
        """Through these phases, in order; what was held, each with its ``phase``. ``grace`` is what the run
        is told, ``granted`` what the platform gives, if that is something else."""
        held = self._notes.with_name("held")
        for old in [*held.iterdir(), *self._notes.iterdir()]:
            old.unlink()
        for number, (phase, step) in enumerate(zip(phases, steps_of(phases), strict=True)):
            given = grace if granted is None else granted
            (self._notes / f"{number:04d}-{phase}@{step}@{given}").touch()
        self._runs += 1
        config = RunConfig.from_json(CONFIG.to_json() | {"grace_seconds": grace})
        task = {"run": f"interrupted-{self._runs}", "config": config.to_json(), "seconds": ROUND_SECONDS}
        story = self.cloud.carry_out(task, seconds=ROUND_SECONDS + 60)
        left = sorted(note.name for note in self._notes.iterdir())
        assert left == [], f"never came to {left}"
        return story, [phase_of(note) for note in sorted(held.iterdir())]


def steps_of(phases: list[str]) -> list[int]:
    """From which step on each is held: a start before any, the exit hook after the last."""
    steps = itertools.count(FIRST_STEP, STEPS_APART)
    fixed = {"enter": 0, "load": 0, "exit hook": CONFIG.steps}
    return [fixed[phase] if phase in fixed else next(steps) for phase in phases]


def phase_of(note: Path) -> Held:
    return {"phase": note.name.partition("-")[2].partition("@")[0], **json.loads(note.read_text())}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interrupted]:
    python = interrupted_python.make(tmp_path_factory.mktemp("python"))
    with trainer_cloud(python=python) as cloud:
        yield Interrupted(cloud, interrupted_python.phases(python))


@pytest.fixture(scope="module")
def reference(interrupted: Interrupted) -> Story:
    story, _ = interrupted.run([], LONG)
    return story


@pytest.mark.parametrize("rounds", ROUNDS)
def test_an_interrupt_in_any_phase_costs_nothing(
    interrupted: Interrupted, reference: Story, rounds: int
) -> None:
    rng = random.Random(chosen_seed())
    for _ in range(rounds):
        first, *others = rng.sample(STEPPING, len(STEPPING))
        phases = [first, *rng.sample([*others, "enter", "load"], len(others) + 2), "exit hook"]
        story, held = interrupted.run(phases, LONG)
        assert [item["phase"] for item in held] == phases
        assert not (problems := wrong(story, held, LONG)), "\n".join(problems)
        causes = {item["cause"] for item in data(story, "attempt.ended")}
        assert causes == {"preempted_drained", "completed"}
        assert broken(story, reference, interval=CONFIG.checkpoint_interval) == []


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_grace_too_short_to_save_costs_what_is_said(
    interrupted: Interrupted, reference: Story, rounds: int
) -> None:
    """The platform gives more than it says, so that the last words are always heard."""
    rng = random.Random(chosen_seed())
    for number in range(rounds):
        phases = rng.sample(STEPPING, 2 if rounds == 1 else len(STEPPING))
        story, held = interrupted.run(phases, SHORT, granted=LONG)
        assert not (problems := wrong(story, held, SHORT)), "\n".join(problems)
        assert broken(story, reference, interval=CONFIG.checkpoint_interval) == [], number


@pytest.mark.timeout(ROUND_SECONDS)
def test_an_attempt_that_gets_no_grace_says_nothing_and_that_is_noticed(
    interrupted: Interrupted, reference: Story
) -> None:
    """Negative control: the same interrupt with the kill right behind it."""
    story, held = interrupted.run(["update"], LONG, granted=0.0)
    assert wrong(story, held, LONG)[0] == "update: 0 ends, 0 drains, 1 attempts after 1"
    assert data(story, "attempt.claimed")[1]["previous"] == {"attempt": 1, "cause": "killed_unknown"}
    assert broken(story, reference, interval=CONFIG.checkpoint_interval) == []


def wrong(story: Story, held: list[Held], grace: float) -> list[str]:
    """What the attempts that were interrupted said and should not have said."""
    claims = data(story, "attempt.claimed")
    found = []
    for item in held:
        own = [claim for claim in claims if claim["task_id"] == item["task"]]
        if item["phase"] == "enter":
            found += [f"the container held in enter claimed attempt {claim['attempt']}" for claim in own]
        elif item["phase"] == "exit hook":
            found += _after_the_end(story, own[0]["attempt"])
        else:
            found += [f"{item['phase']}: {problem}" for problem in _last_words(story, item, own[0], grace)]
    counted = [claim["preemptions"] for claim in claims]
    if counted != list(range(len(claims))):
        found.append(f"preemptions were counted {counted}")
    found += [f"a retry was used: {claim}" for claim in claims if claim["retries_used"]]
    return found


def _after_the_end(story: Story, attempt: int) -> list[str]:
    """An attempt that is over has no further one, whatever happens in its exit hook."""
    if story["attempts"] != attempt or story["result"]["state"] != "SUCCEEDED":
        return [f"after the end: {story['attempts']} attempts, {story['result']}"]
    return []


def _last_words(story: Story, item: Held, claim: dict[str, Any], grace: float) -> Iterator[str]:
    number, interval = claim["attempt"], CONFIG.checkpoint_interval
    ended = data(story, "attempt.ended", attempt=number)
    drains = [e for e in story["events"] if e["type"] == "drain.started" and e["attempt"] == number]
    following = data(story, "attempt.claimed", attempt=number + 1)
    if (len(ended), len(drains), len(following)) != (1, 1, 1):
        yield f"{len(ended)} ends, {len(drains)} drains, {len(following)} attempts after {number}"
        return
    end, drain, successor = ended[0], drains[0]["data"], following[0]
    redone = end["step"] - successor["resumed_from"]
    cause = "preempted_killed" if redone else "preempted_drained"
    if end["cause"] != cause or drain["cause"] != "preempted" or not end["evidence"].startswith("SIGINT"):
        yield f"ended {end} after draining for {drain}"
    if successor["previous"] != {"attempt": number, "cause": cause}:
        yield f"the next attempt calls it {successor['previous']}"
    late = drain["deadline"] - grace - item["t"]
    if drain["grace"] != grace or not -CLOCK_SET_BACK <= late <= 5:
        yield f"held at {item['t']:.2f}, deadline {drain['deadline']:.2f}, grace {drain['grace']}"
    if end["committed_step"] != successor["resumed_from"] or not 0 <= redone <= 2 * interval:
        yield f"said {end['committed_step']} committed of {end['step']}; next is {successor['resumed_from']}"
    said = re.search(r"(\d+) steps? after committed step (\d+) will be redone", end["evidence"])
    if (int(said[1]) if said else 0) != redone:
        yield f"{redone} steps are done again, and it said: {end['evidence']}"
    done = [step["step"] for step in data(story, "step.completed", attempt=number)]
    if end["step"] != max(done, default=claim["resumed_from"]):
        yield f"ended at step {end['step']}; its last finished step is {max(done, default=None)}"
