"""What a finished step is told as: to the recorder, and to those who look on. Each step once.

A step that an interrupt struck between its end and its being told is told when the attempt leaves:
what is committed was said before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from remote.training.ports import Recorder
from remote.training.step_record import StepRecord
from remote.vocabulary.run_config import RunConfig

HOST_EVERY_SECONDS = 5.0
SAMPLES_EVERY_STEPS = 10


class Monitor(Protocol):
    """Somebody who looks on. Never raises, never holds a step up."""

    def step(self, record: StepRecord) -> None:
        """One finished step."""

    def evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        """One finished evaluation after ``step``."""

    def host(self) -> dict[str, Any]:
        """The data of host.sampled."""

    def preempting(self) -> None:
        """The container is about to go."""

    def close(self, seconds: float) -> None:
        """No more steps come; finish within so many seconds."""


class Reports:
    """The steps of one attempt, told in order."""

    def __init__(
        self, config: RunConfig, recorder: Recorder, monitor: Monitor | None, mono: Callable[[], float]
    ) -> None:
        self._config, self._recorder, self._monitor, self._mono = config, recorder, monitor, mono
        self._host_at = -math.inf
        self._held_seconds = 0.0
        self._told = 0

    def begin(self, held_seconds: float) -> None:
        """A step begins, after checkpoints have held it up for so long."""
        self._held_seconds = held_seconds

    def tell(self, record: StepRecord | None) -> None:
        """Tell this step, unless it has been told."""
        if record is None or record.step == self._told:
            return
        self._told = record.step
        record = record.held_up(self._held_seconds)
        of = self._config.steps
        self._recorder.emit("step.completed", step=record.step, of=of, metrics=record.metrics)
        if record.step == 1 or record.step % SAMPLES_EVERY_STEPS == 0:
            self._recorder.emit("rollout.sampled", step=record.step, samples=record.samples)
        if self._monitor is not None:
            self._monitor.step(record)
            self._sample_host(self._monitor)

    def tell_evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        """Tell what an evaluation after this step found."""
        self._recorder.emit("eval.completed", step=step, metrics=dict(metrics))
        if self._monitor is not None:
            self._monitor.evaluation(step, metrics)

    def _sample_host(self, monitor: Monitor) -> None:
        if self._mono() - self._host_at >= HOST_EVERY_SECONDS:
            self._host_at = self._mono()
            self._recorder.emit("host.sampled", **monitor.host())
