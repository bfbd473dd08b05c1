"""When to kill, drawn ahead, and the act itself, by what a victim shows to the outside: its stdout, where
it writes its events, and the directory of its checkpoints."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

LOOK_EVERY_SECONDS = 0.001
GIVE_UP_SECONDS = 120.0
ATTEMPTS_IN_VAIN = 2
"""So many attempts in a row may be killed before they commit; a third would end the run as a crash loop."""


@dataclass(frozen=True, kw_only=True)
class Strike:
    """Kill once ``step`` is done (0: right from the claim), after ``share`` of a step's time; with
    ``in_save`` when the next checkpoint appears, after ``share`` of a save's time."""

    step: int
    share: float
    in_save: bool


def draw(
    rng: random.Random, count: int, *, last_step: int, in_save: float = 0.3, at_start: float = 0.2
) -> list[dict[str, Any]]:
    """``count`` strikes spread over the steps to ``last_step``, as JSON; shares of them in a save, and from
    the claim on."""
    steps = sorted(rng.randint(0, last_step) for _ in range(count))
    drawn = [(step, rng.random(), rng.random()) for step in steps]
    return [
        asdict(Strike(step=0 if kind > 1 - at_start else step, share=share, in_save=kind < in_save))
        for step, share, kind in drawn
    ]


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How long things take here, in seconds: from the claim to the first finished step, from one step to
    the next, and a save with its commit. Measured on an undisturbed run."""

    start: float
    step: float
    save: float


class Victim:
    """A process, the file that is its stdout, and the directory where its checkpoints appear."""

    def __init__(self, pid: int, stdout: Path, checkpoints: Path) -> None:
        self.pid, self._checkpoints = pid, checkpoints
        self._stdout = stdout.open("rb")
        self._rest = b""
        self.lines: list[bytes] = []
        self.events: list[dict[str, Any]] = []

    @property
    def alive(self) -> bool:
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state not in "ZX"

    def look(self) -> None:
        """Read what it has said since; lines that are no events are passed over."""
        *whole, self._rest = (self._rest + self._stdout.read()).split(b"\n")
        for line in whole:
            if line.startswith(b'{"v":'):
                self.lines.append(line)
                self.events.append(msgspec.json.decode(line))

    def all(self, type: str) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events if event["type"] == type]

    @property
    def last_step(self) -> int:
        """The newest step that it finished; what it started from if it finished none."""
        steps = [data["step"] for data in self.all("step.completed")]
        return max(
            steps, default=max((data["resumed_from"] for data in self.all("attempt.claimed")), default=0)
        )

    @property
    def steps_under_way(self) -> int:
        """Steps that it finished since it began a checkpoint which it has not committed."""
        count, counting = 0, False
        for event in self.events:
            if event["type"] == "phase.changed" and event["data"]["phase"] == "CHECKPOINTING":
                count, counting = 0, True
            elif event["type"] == "volume.committed":
                counting = False
            elif event["type"] == "step.completed":
                count += counting
        return count if counting else 0

    @property
    def committed(self) -> bool:
        return bool(self.all("volume.committed"))

    @property
    def over(self) -> bool:
        return bool(self.all("run.ended")) or not self.alive

    def names(self) -> set[str]:
        try:
            return set(os.listdir(self._checkpoints))
        except FileNotFoundError:
            return set()

    def kill(self) -> None:
        """The process and its group, as the platform does it."""
        try:
            os.killpg(os.getpgid(self.pid), signal.SIGKILL)
        except ProcessLookupError:
            return
        for _ in moments(lambda: not self.alive):
            pass
        self.look()


def strike(victim: Victim, when: Strike, rhythm: Rhythm, attempts_in_vain: int) -> dict[str, Any] | None:
    """Kill the victim when it is due; what was seen of that, or None if the run was over before."""
    if attempts_in_vain >= ATTEMPTS_IN_VAIN and not _wait(victim, lambda: victim.committed):
        return None
    begun = bool(victim.all("step.completed"))
    if not _wait(victim, lambda: victim.last_step >= when.step):
        return None
    if when.in_save:
        before = victim.names()
        if not _wait(victim, lambda: bool(victim.names() - before)):
            return None
        pause = when.share * rhythm.save
    else:
        resumed_beyond = not begun and not victim.all("step.completed")
        pause = when.share * (rhythm.start + rhythm.step if resumed_beyond else rhythm.step)
    time.sleep(pause)
    if victim.over:
        return None
    victim.kill()
    unfinished = any(name.startswith(".tmp-") for name in victim.names())
    return {
        "last_step": victim.last_step,
        "committed": victim.committed,
        "in_save": unfinished,
        "steps_under_way": victim.steps_under_way,
        "events": victim.events,
    }


def _wait(victim: Victim, condition: Callable[[], bool]) -> bool:
    for _ in moments(lambda: condition() or victim.over):
        victim.look()
    return condition()


def moments(condition: Callable[[], Any], *, seconds: float = GIVE_UP_SECONDS) -> Iterator[None]:
    """Moments to look again, until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain"
        yield
        time.sleep(LOOK_EVERY_SECONDS)
