"""Tells a run as events, numbered per attempt and source, for the tests of the fold."""

from typing import Any

from remote.vocabulary.events import Event
from remote.vocabulary.run_config import RunConfig, demo
from tui_app.state.fold import fold
from tui_app.state.view import RunView

RUN = "r7"
WATCHER = "watcher:w1"
CONFIG = demo(RunConfig(), patient=False).to_json()


class Story:
    """A clock and the counters of every source."""

    def __init__(self, t: float = 1000.0) -> None:
        self.t = t
        self.events: list[Event] = []
        self._seq: dict[tuple[int, str], int] = {}

    def say(self, type: str, attempt: int, source: str = "trainer", after: float = 1.0, **data: Any) -> Event:
        self.t += after
        key = (attempt, source)
        self._seq[key] = self._seq.get(key, 0) + 1
        event = Event(
            run=RUN,
            attempt=attempt,
            source=source,
            seq=self._seq[key],
            t=self.t,
            mono=self.t,
            type=type,
            data=data,
        )
        self.events.append(event)
        return event

    def watcher(self, type: str, attempt: int = 0, after: float = 1.0, **data: Any) -> Event:
        return self.say(type, attempt, WATCHER, after, **data)

    def spawn(self, generation: int = 1, call_id: str = "fc-1", **data: Any) -> None:
        about = {"verb": "spawn", "by": "ann", "host": "jump", "config": CONFIG, **data}
        self.watcher("run.spawned", generation=generation, call_id=call_id, **about)

    def claim(self, attempt: int, resumed_from: int = 0, call_id: str = "fc-1", **data: Any) -> None:
        about = {"start": "cold", "boot_seconds": 0.5, "task_id": f"ta-{attempt}", "host": "box", **data}
        about = {"retries_used": 0, "max_retries": 3, "preemptions": 0, **about}
        self.say("attempt.claimed", attempt, call_id=call_id, resumed_from=resumed_from, **about)
        self.say("phase.changed", attempt, after=0.1, phase="LOADING")
        self.say("phase.changed", attempt, after=0.5, phase="STEPPING")

    def steps(self, attempt: int, first: int, last: int) -> None:
        for step in range(first, last + 1):
            metrics = {"reward/mean": step / 250, "loss": -0.1, "tokens_per_second": 2000.0 + step}
            metrics["step_seconds"] = 0.25
            self.say("step.completed", attempt, after=0.25, step=step, of=250, metrics=metrics)

    def commit(self, attempt: int, step: int, position: int) -> None:
        name = f"step_{step:08d}.a{attempt:04d}"
        self.say(
            "checkpoint.saved",
            attempt,
            after=0.1,
            step=step,
            name=name,
            bytes=1000,
            seconds=0.1,
            reason="interval",
        )
        self.say(
            "volume.committed",
            attempt,
            after=0.1,
            step=step,
            name=name,
            position=position,
            bytes=1000,
            seconds=0.04,
            tries=1,
        )

    def fail(self, attempt: int, step: int, committed: int, retry: int = 1) -> None:
        self.say("exception.raised", attempt, kind="DrillError", message="on purpose", retryable=True)
        self.say(
            "attempt.ended",
            attempt,
            after=0.0,
            cause="exception",
            step=step,
            committed_step=committed,
            evidence="DrillError: on purpose",
            will_retry=True,
            retry=retry,
            of=3,
            delay=5.0,
        )

    def end(self, attempt: int, state: str, step: int, **data: Any) -> None:
        self.say(
            "attempt.ended", attempt, cause="completed", step=step, committed_step=step, evidence="last step"
        )
        self.say("run.ended", attempt, after=0.0, state=state, step=step, committed_step=step, **data)

    @property
    def view(self) -> RunView:
        return told(self.events)


def told(events: list[Event], view: RunView | None = None) -> RunView:
    view = view or RunView(run=RUN)
    for event in events:
        view = fold(view, event)
    return view


def demo_story() -> Story:
    """The demo: an exception at 34, a preemption at 77, a failed commit at 100."""
    story = Story()
    story.spawn()
    story.claim(1)
    for ten in (10, 20, 30):
        story.steps(1, ten - 9, ten)
        story.commit(1, ten, ten // 10 + 1)
    story.say("drill.announced", 1, kind="exception", at_step=34, in_steps=3, in_seconds=3.0, text="34 fails")
    story.steps(1, 31, 34)
    story.say("drill.executed", 1, kind="exception", at_step=34)
    story.fail(1, 34, 30)
    story.watcher("retry.scheduled", 1, after=0.0, retry=1, of=3, delay=5.0, due=story.t + 5, inferred=True)
    story.t += 5
    story.claim(2, 30, retries_used=1)
    story.steps(2, 31, 40)
    story.commit(2, 40, 6)
    for ten in (50, 60, 70):
        story.steps(2, ten - 9, ten)
        story.commit(2, ten, ten // 10 + 2)
    story.steps(2, 71, 77)
    story.say("drill.executed", 2, kind="preempt", at_step=77)
    story.say(
        "drain.started",
        2,
        cause="preempted",
        grace=1.5,
        deadline=story.t + 2.5,
        saving=False,
        why="1.5 s is too short",
        step=77,
        committed_step=70,
    )
    story.say(
        "attempt.ended", 2, cause="preempted_killed", step=77, committed_step=70, evidence="SIGINT, not saved"
    )
    story.claim(3, 70, retries_used=1, preemptions=1)
    for ten in (80, 90):
        story.steps(3, ten - 9, ten)
        story.commit(3, ten, ten // 10 + 3)
    story.steps(3, 91, 100)
    story.say("drill.executed", 3, kind="commit_failure", at_step=100)
    name = "step_00000100.a0003"
    story.say("volume.commit_failed", 3, step=100, name=name, error="refused", **{"try": 1}, retry_in=1.0)
    story.commit(3, 100, 13)
    for ten in range(110, 251, 10):
        story.steps(3, ten - 9, ten)
        story.commit(3, ten, ten // 10 + 3)
    story.end(3, "SUCCEEDED", 250)
    return story


def live_story() -> Story:
    """A run at step 14 of 250 with one commit, at step 10."""
    story = Story()
    story.spawn()
    story.claim(1)
    story.steps(1, 1, 14)
    story.commit(1, 10, 2)
    return story
