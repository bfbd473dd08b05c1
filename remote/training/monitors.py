"""Onlookers of a run: a W&B mirror, and samples of the host. They never raise and never stall a step.

W&B is a mirror: it runs in a thread of its own, behind a bounded queue, and what it loses (a kill costs
it the rows of its last block) our own events still hold. ``wandb`` is imported only if it is enabled,
and NVML only if it is there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from remote.training.step_record import StepRecord
from remote.vocabulary.run_config import RunConfig

PROJECT = "middlewatch"
QUEUED_STEPS = 10_000
DRAIN_SECONDS = 0.5


class Monitors:
    """The monitor of a session: both of them.

    Args:
        directory: where W&B writes, on the volume; the free space of its disk is reported.
    """

    def __init__(self, config: RunConfig, *, run: str, attempt: int, directory: Path) -> None:
        self._host = HostSampler(directory)
        self._wandb = WandbMirror(config, run=run, attempt=attempt, directory=directory)

    def step(self, record: StepRecord) -> None:
        """Mirror one step."""
        self._wandb.log(record)

    def evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        """Mirror one evaluation."""
        self._wandb.evaluation(step, metrics)

    def host(self) -> dict[str, Any]:
        """The data of host.sampled."""
        return self._host.sample()

    def preempting(self) -> None:
        """Tell W&B that the run goes on elsewhere."""
        self._wandb.preempting()

    def close(self, seconds: float) -> None:
        """Finish within so many seconds."""
        self._wandb.close(seconds)


class WandbMirror:
    """Steps as rows of one W&B run, ``config.wandb`` being its mode.

    All attempts of a run share one id. Offline, each writes a directory of its own, which W&B joins
    when they are synced in order; no step number is passed to W&B, since it drops a lower one after
    a resume, but every row carries ``train/step`` and ``train/attempt``.
    """

    def __init__(self, config: RunConfig, *, run: str, attempt: int, directory: Path) -> None:
        self._config, self._run, self._attempt, self._directory = config, run, attempt, directory
        self._rows: deque[dict[str, float]] = deque(maxlen=QUEUED_STEPS)
        self._closing = threading.Event()
        self._preempted = False
        self.problem: str | None = None
        """Why nothing is mirrored any more."""
        self._thread: threading.Thread | None = None
        if config.wandb != "disabled":
            self._thread = threading.Thread(target=self._mirror, name="wandb-mirror", daemon=True)
            self._thread.start()

    def log(self, record: StepRecord) -> None:
        """Queue one step; the oldest waiting one is dropped when W&B is far behind."""
        self._queue(record.step, {_key(name): value for name, value in record.metrics.items()})

    def evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        """Queue one evaluation, as ``eval/...``."""
        self._queue(step, {f"eval/{name}": value for name, value in metrics.items()})

    def preempting(self) -> None:
        """Mark the run as preempted when it is closed."""
        self._preempted = True

    def close(self, seconds: float) -> None:
        """Write what is queued and finish, or leave it after so many seconds."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _queue(self, step: int, row: Mapping[str, float]) -> None:
        if self._thread is not None:
            self._rows.append({"train/step": step, "train/attempt": self._attempt, **row})

    def _mirror(self) -> None:
        try:
            self._log_to(self._start())
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"

    def _start(self) -> Any:
        import wandb

        self._directory.mkdir(parents=True, exist_ok=True)
        online = self._config.wandb == "online"
        run = wandb.init(
            project=PROJECT,
            id=self._run,
            name=self._run,
            dir=str(self._directory),
            mode="online" if online else "offline",
            config=self._config.to_json(),
            settings=wandb.Settings(console="off", silent=True, disable_git=True, x_disable_stats=True),
            resume="allow" if online else None,
        )
        run.define_metric("*", step_metric="train/step")
        return run

    def _log_to(self, run: Any) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(DRAIN_SECONDS)
            while self._rows:
                run.log(self._rows.popleft())
        if self._preempted:
            run.mark_preempting()
        run.finish()


def _key(name: str) -> str:
    return name if "/" in name else f"train/{name}"


class HostSampler:
    """CPU and memory of this process, free disk space, and GPUs if there are any."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process = psutil.Process()
        self._process.cpu_percent(None)
        self._gpus = _gpu_reader()

    def sample(self) -> dict[str, Any]:
        """``cpu_percent`` of one core since the last sample, ``rss`` and ``disk_free`` in bytes,
        and ``gpu`` with name, memory (bytes used) and utilisation (percent) of each. What cannot be
        read is left out."""
        found: dict[str, Any] = {}
        readers: dict[str, Callable[[], Any]] = {
            "cpu_percent": lambda: self._process.cpu_percent(None),
            "rss": lambda: self._process.memory_info().rss,
            "disk_free": lambda: psutil.disk_usage(str(self._directory)).free,
            "gpu": self._gpus,
        }
        for name, read in readers.items():
            try:
                value = read()
            except Exception:
                continue
            if value is not None:
                found[name] = value
        return found


def _gpu_reader() -> Callable[[], list[dict[str, Any]] | None]:
    """Reads NVML; gives None for ever if there is no NVIDIA driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    except Exception:
        return lambda: None
    return lambda: [
        {
            "name": str(pynvml.nvmlDeviceGetName(handle)),
            "memory": pynvml.nvmlDeviceGetMemoryInfo(handle).used,
            "utilisation": pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
        }
        for handle in handles
    ]
