"""The learner repeats exactly, and shows it when something is forgotten."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from remote.training.errors import UnusableCheckpointError
from remote.training.learner import Learner, learning_rate
from remote.vocabulary.run_config import RunConfig

TINY = RunConfig(
    task_length=3, steps=5, prompts_per_step=4, group_size=4, minibatches=2, warmup_steps=1, max_retries=0
)
TIMES = ("seconds", "per_second")


def repeated(metrics: Mapping[str, float]) -> dict[str, float]:
    """What must be equal in a repetition: everything but durations."""
    return {name: value for name, value in metrics.items() if not name.endswith(TIMES)}


def write(learner: Learner, path: Path) -> Path:
    path.mkdir()
    for name, writer in learner.files().items():
        writer(path / name)
    return path


def run_on(learner: Learner, to: int = TINY.steps) -> list[dict[str, float]]:
    return [repeated(learner.step(n).metrics) for n in range(learner.steps_done + 1, to + 1)]


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


def test_a_state_that_was_read_back_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole = Learner(TINY)
    first = run_on(whole, to=2)
    saved = write(whole, tmp_path / "at-2")
    rest = run_on(whole)

    resumed = Learner(TINY)
    run_on(resumed, to=1)
    resumed.load(saved)

    assert first
    assert run_on(resumed) == rest
    assert contents(write(resumed, tmp_path / "b")) == contents(write(whole, tmp_path / "a"))


def test_both_losses_and_both_kinds_of_advantage_repeat_and_differ(tmp_path: Path) -> None:
    def losses(**about: object) -> list[float]:
        learner = Learner(RunConfig.from_json(TINY.to_json() | about))
        return [learner.step(n).metrics["loss"] for n in (1, 2)]

    ways = [{}, {"loss": "clip"}, {"advantage_std": False}, {"loss": "clip", "clip_high": 0.0}]
    found = [losses(**way) for way in ways]
    assert [losses(**way) for way in ways] == found
    assert len({tuple(values) for values in found}) == len(ways)


@pytest.mark.parametrize("forgotten", ["rng.safetensors", "optimizer.safetensors", "state.json"])
def test_a_resume_that_forgets_a_file_is_seen_to_differ(tmp_path: Path, forgotten: str) -> None:
    whole = Learner(TINY)
    run_on(whole, to=2)
    saved = write(whole, tmp_path / "at-2")
    rest = run_on(whole)
    fresh = contents(write(Learner(TINY), tmp_path / "fresh"))[forgotten]
    if forgotten == "state.json":
        fresh = json.dumps(json.loads(fresh) | {"step": 2}).encode()
    (saved / forgotten).write_bytes(fresh)

    resumed = Learner(TINY)
    resumed.load(saved)
    assert run_on(resumed) != rest


def test_a_kill_and_a_cold_process_repeat_the_uninterrupted_run(tmp_path: Path) -> None:
    whole = Learner(TINY)
    run_on(whole, to=3)
    saved = write(whole, tmp_path / "at-3")
    rest = run_on(whole)
    script = (
        "import json, sys, pathlib\n"
        "from remote.training.learner import Learner\n"
        "from remote.vocabulary.run_config import RunConfig\n"
        "learner = Learner(RunConfig.from_json(json.loads(sys.argv[1])))\n"
        "learner.load(pathlib.Path(sys.argv[2]))\n"
        "print(json.dumps([learner.step(n).metrics for n in (4, 5)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(TINY.to_json()), str(saved)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert [repeated(metrics) for metrics in json.loads(done.stdout)] == rest


def test_a_window_that_raises_leaves_the_learner_as_before_the_step(tmp_path: Path) -> None:
    undisturbed, disturbed = Learner(TINY), Learner(TINY)
    run_on(undisturbed, to=2)
    run_on(disturbed, to=2)

    def interrupt() -> None:
        write(disturbed, tmp_path / "in-window")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        disturbed.step(3, interrupt)
    assert contents(tmp_path / "in-window") == contents(write(undisturbed, tmp_path / "boundary"))
    assert disturbed.consistent
    assert run_on(disturbed) == run_on(undisturbed)


def test_the_window_opens_before_anything_has_changed(tmp_path: Path) -> None:
    learner = Learner(TINY)
    opened: list[bool] = []
    learner.step(1, lambda: opened.append(learner.consistent and learner.steps_done == 0))
    assert opened == [True]


def test_files_are_a_copy_that_later_steps_do_not_touch(tmp_path: Path) -> None:
    learner = Learner(TINY)
    run_on(learner, to=1)
    now = contents(write(learner, tmp_path / "now"))
    writers = learner.files()
    run_on(learner)
    later = tmp_path / "later"
    later.mkdir()
    for name, writer in writers.items():
        writer(later / name)
    assert contents(later) == now


def test_an_interrupt_in_the_update_leaves_nothing_that_could_be_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner = Learner(TINY)
    real, calls = learner._optimiser.step, []

    def once_then_interrupt() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real()

    monkeypatch.setattr(learner._optimiser, "step", once_then_interrupt)
    with pytest.raises(KeyboardInterrupt):
        learner.step(1)
    assert not learner.consistent
    with pytest.raises(ValueError, match="half done"):
        learner.files()
    with pytest.raises(ValueError, match="step 1 was asked for"):
        learner.step(1)


def test_a_step_out_of_turn_is_refused() -> None:
    with pytest.raises(ValueError, match="step 3 was asked for after step 0"):
        Learner(TINY).step(3)


def test_another_seed_is_another_run() -> None:
    other = RunConfig.from_json(TINY.to_json() | {"seed": 1})
    assert run_on(Learner(TINY), to=1) != run_on(Learner(other), to=1)


def test_a_checkpoint_of_another_task_is_named_and_refused(tmp_path: Path) -> None:
    saved = write(Learner(TINY), tmp_path / "short")
    longer = Learner(RunConfig.from_json(TINY.to_json() | {"task_length": 4}))
    with pytest.raises(UnusableCheckpointError, match=r"short was made by .*'task_length': 3"):
        longer.load(saved)


def test_a_resume_under_the_same_conditions_has_nothing_against_it(tmp_path: Path) -> None:
    saved = write(Learner(TINY), tmp_path / "same")
    assert Learner(TINY).load(saved) == []


@pytest.mark.parametrize(
    ("made_with", "differs"),
    [
        ({"threads": 2}, ["threads: 2 then, 1 now"]),
        ({"torch": "1.0", "capability": "NEON"}, ["torch: 1.0 then, ", "capability: NEON then, "]),
        ({"transformers": None}, ["transformers: None then, "]),
    ],
)
def test_a_resume_that_cannot_be_exact_says_what_differs(
    tmp_path: Path, made_with: dict[str, object], differs: list[str]
) -> None:
    saved = write(Learner(TINY), tmp_path / "elsewhere")
    state = json.loads((saved / "state.json").read_text()) | made_with
    (saved / "state.json").write_text(json.dumps(state))
    found = Learner(TINY).load(saved)
    assert len(found) == len(differs)
    assert all(text.startswith(start) for text, start in zip(found, differs, strict=True))


def test_a_state_that_did_not_record_a_condition_is_not_called_exact(tmp_path: Path) -> None:
    saved = write(Learner(TINY), tmp_path / "old")
    state = json.loads((saved / "state.json").read_text())
    del state["transformers"]
    (saved / "state.json").write_text(json.dumps(state))
    assert Learner(TINY).load(saved)[0].startswith("transformers: not recorded then")


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    saved = write(Learner(TINY), tmp_path / "odd")
    weights = load_file(saved / "model.safetensors")
    weights["lm_head.weight"] = weights["lm_head.weight"][:, :32].contiguous()
    save_file(weights, saved / "model.safetensors")
    with pytest.raises(UnusableCheckpointError, match="odd does not fit"):
        Learner(TINY).load(saved)


def test_the_reward_rises() -> None:
    easy = RunConfig.from_json(
        TINY.to_json()
        | {"task_length": 2, "steps": 50, "prompts_per_step": 16, "group_size": 8, "minibatches": 4}
        | {"learning_rate": 3e-3, "warmup_steps": 5}
    )
    learner = Learner(easy)
    rewards = [learner.step(n).metrics["reward/mean"] for n in range(1, 51)]
    assert sum(rewards[:5]) / 5 < 0.15
    assert sum(rewards[-5:]) / 5 > 0.35


def test_each_step_says_what_it_measured() -> None:
    record = Learner(TINY).step(1)
    assert set(record.metrics) == {
        *("reward/mean", "reward/std", "exact_match", "loss", "entropy", "mismatch_kl", "masked_fraction"),
        *("grad_norm", "lr", "tokens_per_second", "samples_per_second"),
        *("step_seconds", "rollout_seconds", "score_seconds", "update_seconds"),
    }
    assert len(record.samples) == 4
    assert set(record.samples[0]) == {"prompt", "completion", "reward", "advantage"}
    assert all(len(sample["prompt"]) == 3 for sample in record.samples)


def test_the_learning_rate_warms_up_and_falls_to_a_twentieth() -> None:
    config = RunConfig(steps=250, warmup_steps=10, learning_rate=1e-3)
    assert learning_rate(1, config) == pytest.approx(1e-4)
    assert learning_rate(10, config) == pytest.approx(1e-3)
    assert learning_rate(250, config) == pytest.approx(5e-5)


def test_the_parts_of_a_step_add_up_to_it() -> None:
    metrics = Learner(TINY).step(1).metrics
    parts = metrics["rollout_seconds"] + metrics["score_seconds"] + metrics["update_seconds"]
    assert metrics["step_seconds"] == pytest.approx(parts)
