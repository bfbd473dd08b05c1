"""A terminal that measures: runs a program under a pty, answers its queries, times and counts each byte.

    with Terminal(["python", "-m", "tui_app", "open", "r7"], environment, rate=16_000) as terminal:
        terminal.wait(5)
        terminal.press("m")
    terminal.chunks          # [(seconds since the start, bytes), ...]

Nothing is emulated while the program runs; what was on the screen when is found afterwards, by
`tests.benchmarks.pty_replay`. It can read slowly (``rate``, bytes a second) or not at all (`stall`), as a
bad link does; a real link has buffers of its own on top of the pty's 4 kB.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

COLUMNS, ROWS = 120, 40
SAMPLE_SECONDS = 0.25
END_SECONDS = 5.0

_QUERIES = (
    (rb"\x1b\[0?c", b"\x1b[?62;22c"),
    (rb"\x1b\[>0?c", b"\x1b[>41;390;0c"),
    (rb"\x1b\[>0?q", b"\x1bP>|XTerm(390)\x1b\\"),
    (rb"\x1b\[5n", b"\x1b[0n"),
    (rb"\x1b\[6n", b"\x1b[1;1R"),
    (rb"\x1b\[\?2026\$p", b"\x1b[?2026;2$y"),
    (rb"\x1b\[\?(\d+)\$p", b"\x1b[?%b;0$y"),
    (rb"\x1b\[\?u", b"\x1b[?0u"),
    (rb"\x1b\[14t", b"\x1b[4;640;960t"),
    (rb"\x1b\[16t", b"\x1b[6;16;8t"),
    (rb"\x1b\[18t", b"\x1b[8;40;120t"),
    (rb"\x1b\]10;\?(?:\x07|\x1b\\)", b"\x1b]10;rgb:cccc/cccc/cccc\x1b\\"),
    (rb"\x1b\]11;\?(?:\x07|\x1b\\)", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
    (rb"\x1bP\+q[0-9a-fA-F;]*\x1b\\", b"\x1bP0+r\x1b\\"),
)
_ANY_QUERY = re.compile(b"|".join(b"(?:%b)" % pattern for pattern, _ in _QUERIES))
_ANSWERS = tuple((re.compile(pattern), answer) for pattern, answer in _QUERIES)
_QUERY_BYTES = 64


@dataclass(frozen=True)
class Sample:
    """The program and all its children at a moment: ``cpu`` seconds used so far, ``rss`` bytes."""

    t: float
    cpu: float
    rss: int


class Terminal:
    """A pty of 120×40 with a program in it, from entering the context to leaving it."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, rate: int | None = None
    ) -> None:
        self._command, self._environment, self._rate = list(command), dict(environment), rate
        self.chunks: list[tuple[float, bytes]] = []
        self.keys: list[tuple[float, str]] = []
        self.samples: list[Sample] = []
        self._stalled_until = 0.0
        self._ending = threading.Event()
        self._carry = b""

    def __enter__(self) -> Terminal:
        self._started = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            with contextlib.suppress(OSError):
                os.execvpe(self._command[0], self._command, self._environment)
            os._exit(127)
        self._process = psutil.Process(self.pid)
        self._gone: dict[int, float] = {}
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._read, self._sample)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        tree = self._tree()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        self._reap()
        for process in tree:
            with contextlib.suppress(psutil.Error):
                process.kill()
        for thread in self._threads:
            thread.join()
        os.close(self._fd)

    def _reap(self) -> None:
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    @property
    def started(self) -> float:
        """When the program was started, on the monotonic clock that all processes share."""
        return self._started

    @property
    def now(self) -> float:
        """Seconds since the program was started."""
        return time.monotonic() - self._started

    def wait(self, seconds: float) -> None:
        """Let the program run."""
        time.sleep(seconds)

    def press(self, key: str) -> float:
        """Type, and say when (seconds since the start)."""
        at = self.now
        self.keys.append((at, key))
        os.write(self._fd, key.encode())
        return at

    def stall(self, seconds: float) -> None:
        """Read nothing for so long, as a terminal behind a dead link."""
        self._stalled_until = time.monotonic() + seconds

    def wait_quiet(self, seconds: float, at_most: float) -> None:
        """Wait until nothing was sent for ``seconds``, but not longer than ``at_most``."""
        deadline = time.monotonic() + at_most
        while time.monotonic() < deadline:
            if self.chunks and self.now - self.chunks[-1][0] > seconds:
                return
            time.sleep(0.02)

    def sample(self) -> Sample:
        """The process tree now."""
        rss = 0
        for process in self._tree():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self._gone[process.pid] = times.user + times.system
                rss += process.memory_info().rss
        return Sample(self.now, sum(self._gone.values()), rss)

    def bytes_between(self, start: float, end: float) -> int:
        """How many bytes came in that time (seconds since the start)."""
        return sum(len(data) for t, data in self.chunks if start <= t < end)

    def _tree(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return []

    def _sample(self) -> None:
        while not self._ending.wait(SAMPLE_SECONDS):
            self.samples.append(self.sample())

    def _read(self) -> None:
        while not self._ending.is_set():
            pause = self._stalled_until - time.monotonic()
            if pause > 0:
                self._ending.wait(min(pause, 0.05))
                continue
            if not select.select([self._fd], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._fd, 65536 if self._rate is None else 256)
            except OSError:
                return
            if not data:
                return
            self.chunks.append((self.now, data))
            self._answer(data)
            if self._rate is not None:
                self._ending.wait(len(data) / self._rate)

    def _answer(self, data: bytes) -> None:
        data = self._carry + data
        end = 0
        for found in _ANY_QUERY.finditer(data):
            end = found.end()
            for pattern, answer in _ANSWERS:
                if match := pattern.fullmatch(found.group()):
                    os.write(self._fd, answer % match.groups() if match.groups() else answer)
                    break
        self._carry = data[max(end, len(data) - _QUERY_BYTES) :]
