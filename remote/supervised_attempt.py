"""One attempt from its claim to its last word: records and training plugged into each other.

It knows the records (who has claimed what, which checkpoint counts) and the session (how to train
and to leave); it knows Modal only as the callables in `Surroundings`. The order matters: the owner
of the generation, then the attempt's number, then a fence in the commit log, and only then anything
that could be taken for progress.
"""

from __future__ import annotations

import os
import platform as machine
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from remote.attempt_ports import AttemptRecorder, ContainerPlatform, VolumeCheckpoints
from remote.records import attempt_claim, keys
from remote.records.archive import Archive
from remote.records.attempt_claim import Claim
from remote.records.checkpoint_store import CheckpointStore
from remote.records.command_log import CommandReader
from remote.records.commit_log import CommitLog
from remote.records.errors import FencedError, ForgottenError, UnknownStepError
from remote.records.event_log import EventWriter
from remote.records.tables import ModalTable
from remote.records.upkeep import Upkeep
from remote.training.endings import Endings, Outcome
from remote.training.errors import NonRetryableError
from remote.training.monitors import Monitors
from remote.training.saving import Place
from remote.training.session import Session
from remote.vocabulary.events import Severity
from remote.vocabulary.run_config import ConfigError, RunConfig, gpu_count
from remote.vocabulary.run_states import EndCause, FailureReason, RunState, StartKind

CRASH_LOOP_AFTER = 3
"""Attempts in a row without a newly committed step that end the run."""
FENCED = {"state": RunState.FAILED.value, "detail": "fenced: another call carries this run out"}
OVER = {"detail": "an earlier attempt of this call has already ended the run"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What is unique to one container. ``ready_at`` (unix seconds): its last enter hook began."""

    boot_id: str
    task_id: str
    start: StartKind
    ready_at: float

    def seconds(self, now: float) -> float:
        """How long this start took: from the process's own start when it was cold, else from the
        release of what had been prepared before."""
        began = psutil.Process().create_time() if self.start is StartKind.COLD else self.ready_at
        return max(0.0, now - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the container offers: ids, directories that show the volumes, and what acts on them.
    ``faults`` is where faults on purpose are asked for, where the platform has such a place;
    ``timeout`` is the platform's limit for one attempt, in seconds."""

    call_id: str
    input_id: str
    checkpoints: Path
    wandb: Path
    commit: Callable[[], None]
    reload: Callable[[], None]
    cancellations: tuple[type[BaseException], ...]
    timeout: float
    local: bool
    faults: Path | None


class SupervisedAttempt:
    """Runs once. ``config`` and ``intent`` are as `Trainer.train` got them."""

    def __init__(
        self, run: str, config: dict[str, Any], intent: dict[str, Any], boot: Boot, around: Surroundings
    ) -> None:
        self._name, self._boot, self._around = run, boot, around
        self._generation = int(intent.get("generation") or 1)
        self._from_step: int | None = intent.get("from_step")
        self._config, self._refused = _checked(config)
        self._table = ModalTable.open(keys.run_table(run))
        self._recorder: AttemptRecorder | None = None
        self._place = Place(0, 0)

    def run(self) -> dict[str, Any]:
        """The outcome as plain values; raises what the platform must see."""
        try:
            claim = self._claim()
        except FencedError:
            return FENCED
        if claim is None:
            return OVER
        events = EventWriter(
            self._table, self._name, claim.number, boot_id=self._boot.boot_id, echo=sys.stdout
        )
        recorder = self._recorder = AttemptRecorder(self._table, claim.number, events)
        endings = Endings(self._config, recorder, claim.retries_used, lambda: self._place)
        commands, upkeep = CommandReader(self._table, claim.number), Upkeep(self._table)
        try:
            commands.start()
            upkeep.start()
            outcome = self._train(claim, recorder, events, endings, commands)
        except KeyboardInterrupt:
            if not recorder.ended:
                endings.preempted("SIGINT before the first step")
            raise
        finally:
            commands.close()
            upkeep.close()
            self.leave()
        return {name: str(value) for name, value in asdict(outcome).items() if value is not None}

    def leave(self) -> None:
        """Say what is still unsaid; calling it again does nothing more."""
        if self._recorder is not None:
            self._recorder.close()

    def _claim(self) -> Claim | None:
        if not attempt_claim.claim_owner(self._table, self._generation, self._around.call_id):
            raise FencedError(f"generation {self._generation} belongs to another call")
        if attempt_claim.is_over(self._table, self._generation):
            return None
        return attempt_claim.claim_attempt(
            self._table,
            generation=self._generation,
            boot_id=self._boot.boot_id,
            call_id=self._around.call_id,
            task_id=self._boot.task_id,
            host=machine.node(),
            pid=os.getpid(),
            now=time.time(),
        )

    def _train(
        self,
        claim: Claim,
        recorder: AttemptRecorder,
        events: EventWriter,
        endings: Endings,
        commands: CommandReader,
    ) -> Outcome:
        self._around.reload()  # a prepared container's view of the volume is as old as its preparation
        checkpoints = VolumeCheckpoints(
            CheckpointStore(self._around.checkpoints / self._name),
            CommitLog(self._table, claim.number, self._boot.boot_id),
            Archive(self._around.checkpoints / self._name / "events"),
            claim,
            events.take_unarchived,
            events.flush,
            self._around.commit,
        )
        try:
            resumed_from = checkpoints.begin(self._from_step)
        except (UnknownStepError, ForgottenError) as error:
            self._say_claimed(recorder, claim, 0)
            return _given_up(endings, NonRetryableError(str(error)))
        self._place = Place(resumed_from, resumed_from)
        self._say_claimed(recorder, claim, resumed_from)
        if self._refused is not None:
            return _given_up(endings, self._refused)
        if claim.attempts_without_commit >= CRASH_LOOP_AFTER:
            return _crash_loop(recorder, claim, resumed_from)
        self._say_gpus(recorder)
        return Session(
            self._config,
            self._make_learner,
            recorder,
            checkpoints,
            commands,
            ContainerPlatform(self._table, claim.number, self._around.faults),
            retries_used=claim.retries_used,
            cancellations=self._around.cancellations,
            timeout_at=time.time() + self._around.timeout,
            monitor=Monitors(
                self._config, run=self._name, attempt=claim.number, directory=self._around.wandb / self._name
            ),
        ).run()

    def _make_learner(self) -> Any:
        from remote.training.learner import Learner

        return Learner(self._config)

    def _say_claimed(self, recorder: AttemptRecorder, claim: Claim, resumed_from: int) -> None:
        previous = claim.previous
        cause = previous.cause.value if previous and previous.cause else EndCause.KILLED_UNKNOWN.value
        before: dict[str, Any] = (
            {} if previous is None else {"previous": {"attempt": previous.number, "cause": cause}}
        )
        recorder.emit(
            "attempt.claimed",
            call_id=self._around.call_id,
            input_id=self._around.input_id,
            task_id=self._boot.task_id,
            boot_id=self._boot.boot_id,
            host=machine.node(),
            pid=os.getpid(),
            start=self._boot.start.value,
            boot_seconds=round(self._boot.seconds(time.time()), 3),
            generation=self._generation,
            resumed_from=resumed_from,
            retries_used=claim.retries_used,
            max_retries=self._config.max_retries,
            preemptions=claim.preemptions,
            **before,
        )

    def _say_gpus(self, recorder: AttemptRecorder) -> None:
        import torch

        wanted, count = gpu_count(self._config.gpu), torch.cuda.device_count()
        cpu_demo = self._around.local and count == 0
        recorder.emit(
            "gpu.found",
            sev=Severity.INFO if cpu_demo or count >= wanted else Severity.WARN,
            requested=self._config.gpu,
            requested_count=wanted,
            count=count,
            names=[torch.cuda.get_device_name(index) for index in range(count)],
            cpu_demo=cpu_demo,
        )


def _checked(config: dict[str, Any]) -> tuple[RunConfig, ConfigError | None]:
    """The config, or the default one and why the given one is refused: that is said after the claim."""
    try:
        return RunConfig.from_json(config), None
    except ConfigError as error:
        return RunConfig(), error


def _given_up(endings: Endings, error: Exception) -> Outcome:
    outcome = endings.failed(error)
    assert outcome is not None, "an error that is not retryable ends the run"
    return outcome


def _crash_loop(recorder: AttemptRecorder, claim: Claim, committed: int) -> Outcome:
    detail = f"{claim.attempts_without_commit} attempts in a row committed no new step"
    place = {"step": committed, "committed_step": committed}
    recorder.emit("attempt.ended", sev=Severity.ERROR, cause=EndCause.STOPPED.value, evidence=detail, **place)
    reason = FailureReason.CRASH_LOOP
    recorder.emit(
        "run.ended",
        sev=Severity.ERROR,
        state=RunState.FAILED.value,
        reason=reason.value,
        detail=detail,
        **place,
    )
    return Outcome(state=RunState.FAILED, detail=detail, reason=reason, **place)
