"""How long a checkpoint of 256 MB holds the steps up: ours, and ``torch.save`` with fsync in line, by turns.

A real session with the real store trains a Llama of 21 million parameters. Every other checkpoint is
``torch.save``'d where our copy would be taken, in the same place of the same run. Held up is what the session
itself says in ``checkpoint_seconds``; what a checkpoint behind the steps costs them by using the machine is
a row of its own.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from remote.records.checkpoint_store import CheckpointStore
from remote.training.ports import Damaged, FileWriter, Recognised, Saved
from remote.training.session import Session
from remote.vocabulary.commands import Command
from remote.vocabulary.events import Severity
from remote.vocabulary.run_config import RunConfig
from tests.benchmarks import word_model
from tests.benchmarks.rows import Row

HIDDEN, LAYERS = 528, 6
INTERVAL, SAVES = 4, 10
BUDGET = "≤ 5 % of the median step"


def run() -> list[Row]:
    """Two rows: held up, and slowed down behind."""
    with tempfile.TemporaryDirectory() as directory:
        parameters = word_model.save_wide(Path(directory) / "model", hidden=HIDDEN, layers=LAYERS)
        steps = _train(Path(directory))
    undisturbed = [step["seconds"] for step in steps if step["after"] in (2, 3)]
    median = statistics.median(undisturbed)
    ours, peer = _of(steps, "ours", 0, "held"), _of(steps, "torch.save", 0, "held")
    next_step = _of(steps, "ours", 0, "seconds") - median
    state = f"{3 * 4 * parameters / 1e6:.0f} MB of state"
    about = f"{state}, median step {median:.2f} s, medians of {SAVES // 2} saves each"
    return [
        Row(
            name="save_holdup",
            ours=100 * ours / median,
            peer=100 * peer / median,
            unit="% of a step",
            ratio=peer / ours,
            budget=BUDGET,
            ok=ours <= 0.05 * median,
            note=f"{ours * 1e3:.0f} ms against {peer * 1e3:.0f} ms of torch.save; {about}",
        ),
        Row(
            name="save_holdup/behind",
            ours=100 * next_step / median,
            unit="% of a step",
            note=f"how much longer the step after a checkpoint of ours takes while it is written; {about}",
        ),
    ]


def _train(directory: Path) -> list[dict[str, Any]]:
    """For each step: ``seconds`` without what held it up, ``held``, how many steps ``after`` a checkpoint it
    is, and ``kind``, who made that."""
    from remote.training.learner import Learner

    config = RunConfig(
        model=str(directory / "model"), prompts_per_step=4, group_size=8, minibatches=2,
        steps=INTERVAL * (SAVES + 1), checkpoint_interval=INTERVAL, keep_last=1, keep_every=0,
        wandb="disabled", gpu="",
    )  # fmt: skip

    state = _like_a_state(directory / "model")

    class TakesTurns(Learner):
        """Gives out a copy of its state, or has saved it when it gives out nothing."""

        def files(self) -> Mapping[str, FileWriter]:
            if self.steps_done // INTERVAL % 2:
                return super().files()
            _torch_save(state, directory / "in-line.pt")
            return {"state.json": _write_nothing}

    said, stored = Kept(), Stored(directory / "checkpoints")
    session = Session(config, lambda: TakesTurns(config), said, stored, Silent(), Nowhere(), retries_used=0)
    session.run()
    return [
        {
            "seconds": metrics["step_seconds"] - metrics.get("checkpoint_seconds", 0.0),
            "held": metrics.get("checkpoint_seconds", 0.0),
            "after": (step - 1) % INTERVAL,
            "kind": ("torch.save", "ours")[(step - 1) // INTERVAL % 2],
        }
        for step, metrics in said.steps
        if step > 2 * INTERVAL
    ]


def _write_nothing(path: Path) -> None:
    path.write_text("{}")


def _like_a_state(model: Path) -> list[dict[str, Any]]:
    """Weights and the two moments of each, as many bytes in as many tensors as a learner has."""
    from safetensors.torch import load_file

    weights = load_file(model / "model.safetensors")
    moments = [{name: tensor.clone() for name, tensor in weights.items()} for _ in range(2)]
    return [weights, *moments]


def _torch_save(state: list[dict[str, Any]], path: Path) -> None:
    import torch

    with path.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def _of(steps: list[dict[str, Any]], kind: str, after: int, what: str) -> float:
    wanted = [step[what] for step in steps if (step["kind"], step["after"]) == (kind, after)]
    return float(statistics.median(wanted))


class Kept:
    """A recorder that keeps the steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, dict[str, float]]] = []

    def emit(self, type: str, /, *, sev: Severity = Severity.INFO, **data: Any) -> None:
        if type == "step.completed":
            self.steps.append((data["step"], data["metrics"]))

    def flush(self, timeout: float = 5.0) -> bool:
        return True


class Stored:
    """The real store; what is stored is committed."""

    def __init__(self, root: Path) -> None:
        self._store = CheckpointStore(root)
        self._kept: list[Recognised] = []

    def save(self, step: int, files: Mapping[str, FileWriter], about: Mapping[str, Any]) -> Saved:
        written = self._store.write(step, 1, files, about)
        return Saved(step=step, name=written.name, bytes=written.bytes, seconds=written.seconds)

    def commit(self, saved: Saved) -> Recognised:
        self._kept.append(Recognised(step=saved.step, name=saved.name, position=saved.step))
        return self._kept[-1]

    def newest(self) -> None:
        return None

    def skipped(self) -> Sequence[Damaged]:
        return ()

    def prune(self, keep_last: int, keep_every: int) -> Sequence[Recognised]:
        gone, self._kept = self._kept[:-keep_last], self._kept[-keep_last:]
        for old in gone:
            self._store.delete(old.name)
        return gone


class Silent:
    """No commands."""

    def poll(self) -> Sequence[Command]:
        return ()


class Nowhere:
    """No faults on request."""

    def preempt_me(self, grace: float) -> bool:
        return False

    def fail_next_commit(self) -> bool:
        return False

    def once(self, what: str) -> bool:
        return True
