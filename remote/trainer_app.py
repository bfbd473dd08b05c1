"""The Modal app: image, volumes, secrets, hooks, retries. Thin: it wires, it does not train.

    modal deploy -m remote.trainer_app
    modal.Cls.from_name("middlewatch-trainer", "Trainer")().train.spawn(run, config, intent)

One call of ``train`` is one long attempt with the step loop inside it; Modal repeats the call with
the same input after an exception (counted, with backoff) and after a preemption (free). Two stages
of start: ``enter(snap=True)`` imports and touches no device, so it can be in a memory snapshot or in
a warm spare; ``enter(snap=False)`` runs after the restore and makes what must be unique, such as the
boot id. The class has no parameters and its containers are single-use: every parameter set would be
a pool of its own, for which no spare or snapshot fits. torch is imported lazily, so deploying needs
none. Where a volume is mounted is asked of `volume_path`: the local cloud says it by an environment
variable, because not every machine lets it mount at ``/checkpoints``.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import modal

from remote.vocabulary.run_config import DEPLOYED_RETRIES
from remote.vocabulary.run_states import StartKind

APP_NAME = "middlewatch-trainer"
CHECKPOINTS_PATH = "/checkpoints"
WANDB_PATH = "/wandb"
DAY = 24 * 60 * 60
MOUNTS_READ: dict[str, str | None] = {"LOCAL_CLOUD_MOUNTS_READ": "1"}
"""Tells the local cloud that `volume_path` copes where a mount path cannot be made."""
PASSED_ON = ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_PROJECT", "WANDB_ENTITY", "HF_TOKEN")
"""Variables of whoever deploys that the trainer gets, as a Modal secret; absent ones are left out."""

app = modal.App(APP_NAME)
checkpoints_volume = modal.Volume.from_name("middlewatch-checkpoints", create_if_missing=True, version=2)
wandb_volume = modal.Volume.from_name("middlewatch-wandb", create_if_missing=True, version=2)
image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_pip_install(
        "torch==2.13.0",
        "transformers==5.23.0",
        "safetensors>=0.5",
        "wandb==0.31.0",
        "msgspec>=0.19",
        "psutil>=6",
        "nvidia-ml-py",
        "reasoning-gym==0.1.25",
    )
    .add_local_python_source("remote")
)


@app.cls(
    image=image,
    gpu="H100:8",
    volumes={CHECKPOINTS_PATH: checkpoints_volume, WANDB_PATH: wandb_volume},
    secrets=[modal.Secret.from_dict(MOUNTS_READ | {name: os.environ.get(name) for name in PASSED_ON})],
    retries=modal.Retries(
        max_retries=DEPLOYED_RETRIES.max_retries,
        initial_delay=DEPLOYED_RETRIES.initial_delay,
        backoff_coefficient=DEPLOYED_RETRIES.backoff_coefficient,
        max_delay=DEPLOYED_RETRIES.max_delay,
    ),
    timeout=DAY,
    startup_timeout=20 * 60,
    enable_memory_snapshot=True,
    single_use_containers=True,
)
class Trainer:
    """Runs one attempt of one run, or scores a slice of examples with what a run has committed."""

    @modal.enter(snap=True)
    def load_code(self) -> None:
        """Everything that is slow, the same for every run, and needs no device."""
        from remote import checkpoint_evaluation, supervised_attempt  # noqa: F401 - imported to be warm
        from remote.training import learner  # noqa: F401

        self.loaded_in = os.environ.get("MODAL_TASK_ID", "")

    @modal.enter(snap=False)
    def be_unique(self) -> None:
        """What two containers restored from one snapshot must not share."""
        from remote.supervised_attempt import Boot, SupervisedAttempt

        self.attempt: SupervisedAttempt | None = None
        self.boot = Boot(
            boot_id=uuid.uuid4().hex,
            task_id=os.environ.get("MODAL_TASK_ID", ""),
            start=_start_kind(self.loaded_in),
            ready_at=time.time(),
        )

    @modal.method()
    def train(self, run: str, config: dict[str, Any], intent: dict[str, Any]) -> dict[str, Any]:
        """Claim the next attempt of ``run`` and train until it is done, stopped or given up.

        ``config`` is RunConfig's JSON; ``intent`` has ``id``, ``generation`` and ``from_step`` (a
        committed step to go back to, or None for the newest). Returns the outcome; raises what the
        platform must see: an exception to be retried, an interrupt to be rescheduled.
        """
        from remote.supervised_attempt import SupervisedAttempt, Surroundings

        surroundings = Surroundings(
            call_id=modal.current_function_call_id() or "",
            input_id=modal.current_input_id() or "",
            checkpoints=volume_path(CHECKPOINTS_PATH),
            wandb=volume_path(WANDB_PATH),
            commit=checkpoints_volume.commit,
            reload=checkpoints_volume.reload,
            cancellations=(modal.exception.InputCancellation,),
            timeout=DAY,
            local=os.environ.get("MODAL_CLOUD_PROVIDER") == "local",
            faults=Path(faults) if (faults := os.environ.get("LOCAL_CLOUD_FAULTS")) else None,
        )
        self.attempt = SupervisedAttempt(run, config, intent, self.boot, surroundings)
        return self.attempt.run()

    @modal.method()
    def evaluate(self, run: str, indices: list[int], step: int | None = None) -> dict[str, Any]:
        """Score these examples with a committed checkpoint of ``run``, greedily; the newest, or that of
        ``step``. Held-out examples begin at `remote.training.task.HELD_OUT_FROM`. Made to be fanned out:

            slices = [list(held_out(256, first)) for first in range(0, 4096, 256)]
            trainer.evaluate.map([run] * len(slices), slices, kwargs={"step": 250})

        Name the step when the run goes on meanwhile, or slices may see different checkpoints. Returns
        ``run, step, name, position`` and ``scores`` [[index, reward, exact]], or ``refused`` and why. It
        touches nothing of the run, whether live or ended. Class-wide options hold for it too: each slice
        has a container of its own (from the same spares and snapshot as `train`), so let a slice be some
        seconds of work; and it gets the class's GPUs unless ``with_options(gpu=...)`` asks for fewer.
        """
        from remote import checkpoint_evaluation

        return checkpoint_evaluation.evaluate(
            run,
            indices,
            step,
            checkpoints=volume_path(CHECKPOINTS_PATH),
            reload=checkpoints_volume.reload,
        )

    @modal.method()
    def evaluate_slice(
        self, run: str, evaluation_id: str, number: int, first: int, count: int, step: int
    ) -> None:
        """Slice ``number`` of an evaluation that the watcher fans out: as `evaluate`, of ``count`` held-out
        examples from number ``first`` (0 is the first) on. What is found, or why nothing is, is written into
        the run's own table (`remote.records.evaluations`), because no result of a call is ever fetched."""
        from remote import checkpoint_evaluation

        checkpoint_evaluation.score_slice(
            run,
            evaluation_id,
            number,
            first,
            count,
            step,
            checkpoints=volume_path(CHECKPOINTS_PATH),
            reload=checkpoints_volume.reload,
        )

    @modal.exit()
    def last_words(self) -> None:
        """With signals ignored: what the attempt could not say when it was interrupted. A checkpoint
        is not made here; the grace is shared with Modal's own last commit."""
        if self.attempt is not None:
            self.attempt.leave()


def volume_path(mount_path: str) -> Path:
    """The directory that shows the volume mounted at ``mount_path``."""
    mounts = json.loads(os.environ.get("LOCAL_CLOUD_MOUNTS") or "{}")
    return Path(mounts.get(mount_path, mount_path))


def _start_kind(loaded_in: str) -> StartKind:
    """How this container came to be; a snapshot shows in that its code was loaded in another."""
    named = os.environ.get("MODAL_LOCAL_START")
    if named:
        return StartKind(named)
    return StartKind.COLD if loaded_in == os.environ.get("MODAL_TASK_ID", "") else StartKind.SNAPSHOT
