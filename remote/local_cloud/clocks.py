"""The two clocks of a cloud: one that times, and one that tells the time.

    clocks.now()      seconds for due times, timeouts, graces and expiries: it never jumps
    clocks.wall()     unix seconds as the wall clock says, for what is shown and for crontab lines
    clocks.shown(at)  a moment of `now` as the wall clock has it

`now` counts on when the wall clock is set, also over a restart of the daemon, as long as the machine
has not been started anew (known on Linux); so a step of the wall clock ends no input, wakes no retry and
expires no entry. `jump` moves the wall clock of this daemon alone: a fault on purpose.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

_COUNTED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Counts also while the machine sleeps, where there is such a clock."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def _counted() -> float:
    return time.clock_gettime(_COUNTED)


class Clocks:
    """Both clocks. ``counted`` never jumps; ``told`` is the system's wall clock."""

    def __init__(
        self, counted: Callable[[], float] = _counted, told: Callable[[], float] = time.time
    ) -> None:
        self._counted, self._told = counted, told
        self._offset = told() - counted()
        self.jumped = 0.0

    def now(self) -> float:
        """Unix seconds as they were at the first start, counted on since."""
        return self._counted() + self._offset

    def wall(self) -> float:
        """Unix seconds."""
        return self._told() + self.jumped

    def shown(self, at: float) -> float:
        """A moment of `now` in unix seconds of today's wall clock; 0 stays 0."""
        return at + self.wall() - self.now() if at else at

    def jump(self, seconds: float) -> None:
        """Set the wall clock of this process forward, or back."""
        self.jumped += seconds

    def go_on_from(self, path: Path, boot: str) -> None:
        """Count on from what an earlier daemon wrote down, if the machine has run since; write it down."""
        try:
            before = json.loads(path.read_text())
            if boot and before["boot"] == boot:
                self._offset = float(before["offset"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass
        temporary = path.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({"boot": boot, "offset": self._offset}))
        os.replace(temporary, path)


_CLOCKS = Clocks()
now, wall, shown, jump = _CLOCKS.now, _CLOCKS.wall, _CLOCKS.shown, _CLOCKS.jump


def jumped() -> float:
    """By how much the wall clock was moved on purpose, in seconds."""
    return _CLOCKS.jumped


def go_on_from(path: Path) -> None:
    """See `Clocks.go_on_from`; for this process and this machine."""
    _CLOCKS.go_on_from(path, _BOOT.read_text().strip() if _BOOT.exists() else "")
