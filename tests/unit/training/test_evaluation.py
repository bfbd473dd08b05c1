"""The greedy evaluation: on examples never trained on, in good time, and without a trace in the run."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from training_ports import TINY, Run, config, interrupt_now

from remote.training.evaluation import held_out, summary
from remote.training.learner import Learner
from remote.training.task import HELD_OUT_FROM, Score
from remote.vocabulary.run_config import RunConfig


def test_an_evaluation_is_of_examples_that_no_step_uses() -> None:
    assert list(held_out(3)) == [HELD_OUT_FROM, HELD_OUT_FROM + 1, HELD_OUT_FROM + 2]
    assert list(held_out(2, first=64)) == [HELD_OUT_FROM + 64, HELD_OUT_FROM + 65]


def test_its_figures_are_means_over_the_prompts() -> None:
    scores = [Score(1.0, True), Score(0.5, False)]
    assert summary(scores, 2.0) == {"reward/mean": 0.75, "exact_match": 0.5, "prompts": 2, "seconds": 2.0}


def test_it_comes_every_so_many_steps_before_the_next_step_is_done(tmp_path: Path) -> None:
    run = Run(tmp_path / "c", config(eval_interval=2, eval_prompts=5))
    run.session().run()
    found = run.recorder.all("eval.completed")
    assert [data["step"] for data in found] == [2, 4, 6]
    assert all(data["metrics"]["prompts"] == 5 for data in found)
    said = [(type, data.get("step")) for type, _, data in run.recorder.events]
    assert said.index(("step.completed", 2)) < said.index(("eval.completed", 2))
    assert said.index(("eval.completed", 2)) < said.index(("step.completed", 3))
    assert run.recorder.types()[-3:] == ["eval.completed", "attempt.ended", "run.ended"]


def test_a_run_that_is_evaluated_is_the_same_run(tmp_path: Path) -> None:
    plain, evaluated = Run(tmp_path / "a"), Run(tmp_path / "b", config(eval_interval=1))
    plain.session().run()
    evaluated.session().run()
    assert evaluated.recorder.losses() == plain.recorder.losses()
    assert evaluated.checkpoints.newest_bytes() == plain.checkpoints.newest_bytes()


def test_slices_of_any_size_are_scored_like_the_whole() -> None:
    learner = Learner(TINY)
    learner.step(1)
    indices = list(held_out(37))
    whole = learner.evaluate(indices)
    assert len(whole) == 37
    assert [*learner.evaluate(indices[:10]), *learner.evaluate(indices[10:])] == whole


class InterruptedWhileEvaluating(Learner):
    """Gets a SIGINT in the middle of the evaluation after one step."""

    def __init__(self, config: RunConfig, at: int) -> None:
        super().__init__(config)
        self._at = at

    def evaluate(self, indices: Sequence[int]) -> list[Score]:
        if self.steps_done == self._at:
            interrupt_now()
            raise AssertionError("an evaluation can be broken off at once")
        return super().evaluate(indices)


@pytest.mark.parametrize("at", [3, 6])
def test_an_interrupt_breaks_an_evaluation_off_costs_no_step_and_it_is_made_up_for(
    tmp_path: Path, at: int
) -> None:
    whole = Run(tmp_path / "whole", config(eval_interval=3))
    whole.session().run()
    run = Run(tmp_path / "c", config(eval_interval=3))
    with pytest.raises(KeyboardInterrupt):
        run.session(lambda c: InterruptedWhileEvaluating(c, at)).run()
    ended = run.recorder.one("attempt.ended")
    assert (ended["cause"], ended["step"], ended["committed_step"]) == ("preempted_drained", at, at)
    assert run.recorder.one("drain.started")["saving"] is (at == 3)

    assert run.session().run().state == "SUCCEEDED"
    wanted = {data["step"]: data["metrics"]["reward/mean"] for data in whole.recorder.all("eval.completed")}
    found = {data["step"]: data["metrics"]["reward/mean"] for data in run.recorder.all("eval.completed")}
    assert found == {step: reward for step, reward in wanted.items() if step >= at}
    assert run.checkpoints.newest_bytes() == whole.checkpoints.newest_bytes()


def test_what_was_learned_shows_on_examples_never_seen() -> None:
    easy = RunConfig(
        task_length=2, steps=50, prompts_per_step=16, group_size=8, learning_rate=3e-3, warmup_steps=5
    )
    learner = Learner(easy)
    before = summary(learner.evaluate(held_out(64)), 0.0)["reward/mean"]
    for n in range(1, 51):
        learner.step(n)
    assert summary(learner.evaluate(held_out(64)), 0.0)["reward/mean"] > before + 0.2
