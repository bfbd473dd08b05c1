"""Faults on purpose: announced a few seconds ahead, then real, each once in a run's life.

The fault itself is raised here (an exception) or asked of the platform (a SIGINT with too little
grace to save, a commit that fails). Recovery is not this module's business: it must not know that
a fault was a drill.
"""

from __future__ import annotations

from collections.abc import Callable

from remote.training.errors import DrillError
from remote.training.interrupts import Interrupts
from remote.training.pace import Pace
from remote.training.ports import Platform, Recorder
from remote.vocabulary.events import Severity
from remote.vocabulary.run_config import Drill, DrillKind

PREEMPT_DRILL_GRACE_SECONDS = 0.5
"""Too short for any save, long enough for the last words."""
PREEMPT_WAIT_SECONDS = 10.0
ANNOUNCE_AHEAD_SECONDS = 3.0

_TEXT = {
    DrillKind.EXCEPTION: "step {step} will fail on purpose",
    DrillKind.PREEMPT: "the container will be preempted on purpose after step {step}, too fast to save",
    DrillKind.COMMIT_FAILURE: "the first volume commit from step {step} on will fail on purpose",
}
_ORDER = list(_TEXT)[::-1]


class Drills:
    """The rehearsed faults of one run, seen from one attempt.

    ``grace`` is what the next interrupt will leave, in seconds, if it was ordered here.

    Args:
        settle: waits for the commit that is under way, so that the next one is the one that fails.
    """

    def __init__(
        self,
        drills: tuple[Drill, ...],
        platform: Platform,
        recorder: Recorder,
        pace: Pace,
        pause: Callable[[float], None],
        settle: Callable[[], None],
    ) -> None:
        self._settle = settle
        self._drills = sorted(drills, key=lambda drill: _ORDER.index(drill.kind))
        self._platform, self._recorder, self._pace, self._pause = platform, recorder, pace, pause
        self._announced: set[Drill] = set()
        self.grace: float | None = None

    def announce(self, step: int) -> None:
        """After ``step``, say what is about to happen."""
        typical = self._pace.typical("step") or 0.0
        for drill in self._drills:
            ahead = drill.step - step
            near = ahead == 1 or (ahead > 1 and typical > 0 and ahead * typical <= ANNOUNCE_AHEAD_SECONDS)
            if near and drill not in self._announced:
                self._announced.add(drill)
                if self._platform.once(f"{_key(drill)}-announced"):
                    self._say(drill, _TEXT[drill.kind].format(step=drill.step), ahead, ahead * typical)

    def execute(self, step: int, interrupts: Interrupts) -> None:
        """At the end of ``step``, do what is due. DrillError if that is an exception."""
        for drill in self._drills:
            if drill.step == step and self._platform.once(_key(drill)):
                if drill.kind is DrillKind.PREEMPT:
                    self._preempt(drill, interrupts)
                elif drill.kind is DrillKind.COMMIT_FAILURE:
                    self._settle()
                    self._done_or_skipped(drill, self._platform.fail_next_commit())
                else:
                    self._done_or_skipped(drill, True)
                    raise DrillError(f"step {step} failed on purpose")

    def _preempt(self, drill: Drill, interrupts: Interrupts) -> None:
        self.grace = PREEMPT_DRILL_GRACE_SECONDS
        with interrupts.held():
            ordered = self._platform.preempt_me(self.grace)
            self._done_or_skipped(drill, ordered)
        if ordered:
            self._pause(PREEMPT_WAIT_SECONDS)
            interrupts.raise_pending()
        else:
            self.grace = None

    def _done_or_skipped(self, drill: Drill, done: bool) -> None:
        if done:
            self._recorder.emit(
                "drill.executed", sev=Severity.WARN, kind=drill.kind.value, at_step=drill.step
            )
        else:
            self._say(drill, f"skipped: this platform cannot do {drill.kind.value} on request", 0, 0.0)

    def _say(self, drill: Drill, text: str, in_steps: int, in_seconds: float) -> None:
        self._recorder.emit(
            "drill.announced",
            kind=drill.kind.value,
            at_step=drill.step,
            in_steps=in_steps,
            in_seconds=round(in_seconds, 3),
            text=text,
        )


def _key(drill: Drill) -> str:
    return f"drill-{drill.kind.value}-{drill.step}"
