"""What the dashboard's benchmarks share: the same data for us and for the peer, and how each is started.

with setting() as place:
    place.record(steps=10_000)                  # our journal, by a process in the watcher's place
    place.record_peer(steps=10_000)             # the same as a W&B offline run
    with place.terminal(OURS) as terminal: ...
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.journal_run import RUN
from tests.benchmarks.pty_meter import Terminal
from tests.benchmarks.wandb_run import directory_of

ROOT = Path(__file__).resolve().parents[2]
OURS, HOME, LEET, EMPTY = "ours", "home", "leet", "empty"
READY_SECONDS = 180.0


class Setting:
    """A state directory of its own, the processes that write, and the programs that show."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._writers: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "XDG_"))},
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "PYTHONPYCACHEPREFIX": str(root / "pyc"),
            "PYTHONPATH": str(ROOT),
            "XDG_STATE_HOME": str(root / "state"),
            "XDG_CONFIG_HOME": str(root / "config"),
            "XDG_RUNTIME_DIR": str(root),
        }

    @property
    def state(self) -> Path:
        """The target's directory."""
        return self._root / "state" / "middlewatch" / "local"

    def record(self, *options: str) -> None:
        """Write a journal; returns when the recorded part is there."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        self._write(["tests.benchmarks.journal_run", str(self.state), *options], self.state / "ready")

    def record_peer(self, *options: str) -> None:
        """Write a W&B offline run, likewise."""
        place = self._root / "peer"
        self._write(["tests.benchmarks.wandb_run", str(place), *options], place / "ready")

    def record_many(self, *options: str) -> None:
        """Write a journal of many long runs, likewise; it takes minutes."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        self._write(["tests.benchmarks.many_runs", str(self.state), *options], self.state / "ready", 1800.0)

    def _write(self, arguments: list[str], ready: Path, seconds: float = READY_SECONDS) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL
        )
        self._writers.append(process)
        wait_for(ready.exists, seconds, process)

    def command(self, program: str) -> list[str]:
        """How its users start it."""
        if program == OURS:
            return [sys.executable, "-m", "tui_app", "--target", "local", "open", RUN]
        if program == HOME:
            return [sys.executable, "-m", "tui_app", "--target", "local"]
        if program == EMPTY:
            return [sys.executable, str(ROOT / "tests" / "benchmarks" / "empty_app.py")]
        return [
            str(Path(sys.executable).with_name("wandb")),
            "leet",
            "run",
            str(directory_of(self._root / "peer")),
        ]

    def terminal(self, program: str, rate: int | None = None) -> Terminal:
        """A terminal with the program in it."""
        return Terminal(self.command(program), self.environment, rate=rate)

    def account(self) -> list[dict[str, Any]]:
        """What the recording says of itself, a look an entry."""
        lines = (self.state / "feeder.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """End the writers."""
        for process in self._writers:
            process.send_signal(signal.SIGTERM)
        for process in self._writers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        self._writers.clear()


@contextlib.contextmanager
def setting() -> Iterator[Setting]:
    """A place that is gone afterwards, with everything that ran in it."""
    with tempfile.TemporaryDirectory(prefix="mw-", ignore_cleanup_errors=True) as directory:
        place = Setting(Path(directory))
        try:
            yield place
        finally:
            place.close()


def wait_for(condition: Any, seconds: float, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until it holds. TimeoutError, or RuntimeError where the process that should make it true ended."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s")
        time.sleep(0.02)


def load() -> str:
    """How busy the machine was, for a note."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Smallest to largest."""
    return f"{min(values):.{digits}f}–{max(values):.{digits}f}"


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which that part lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
