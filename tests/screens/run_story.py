"""Tells the life of a run into a real journal file, for tests that look at the dashboard."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remote.vocabulary.events import Event, Severity, encode
from remote.vocabulary.run_config import Drill, DrillKind, RunConfig
from tui_app.journal.records import Arrival, Draft, LogLine, WatcherStatus
from tui_app.journal.writer import JournalWriter

Clock = Callable[[], float]
CONFIG = RunConfig(
    steps=250,
    drills=(
        Drill(DrillKind.EXCEPTION, 34),
        Drill(DrillKind.PREEMPT, 77),
        Drill(DrillKind.COMMIT_FAILURE, 100),
    ),
)


class Journal:
    """A journal as the watcher keeps it, with a beating watcher."""

    def __init__(self, path: Path, *, target: str = "local", clock: Clock = time.time) -> None:
        self.clock = clock
        self.writer = JournalWriter(path, clock=clock)
        self.target = target
        self.beat()

    def beat(self, *, age: float = 0.5, reachable: bool = True, detail: str = "") -> None:
        now = self.clock()
        self.writer.set_status(
            WatcherStatus(
                pid=1,
                started_at=now - 720,
                beat_at=now - age,
                target=self.target,
                workspace="main" if self.target == "modal" else "",
                reachable=reachable,
                reachable_since=now - 700 if reachable else now - 41,
                detail=detail,
                watcher_id="w1",
                version="0.1.0",
            )
        )

    def story(self, run: str = "sort-digits", **about: Any) -> RunStory:
        return RunStory(self, run, **about)

    def close(self) -> None:
        self.writer.close()


class RunStory:
    """One run; ``ago`` is how many seconds before now the story begins, and every event moves on."""

    def __init__(
        self, journal: Journal, run: str, *, ago: float = 60.0, config: RunConfig = CONFIG, pace: float = 0.4
    ) -> None:
        self.journal, self.run, self.config, self.pace = journal, run, config, pace
        self.t = journal.clock() - ago
        self.attempt, self.step, self.committed, self.position, self.generation = 0, 0, 0, 0, 0
        self.retries, self.preemptions, self.committed_name = 0, 0, ""
        self._seq = 0

    def wait(self, seconds: float) -> RunStory:
        self.t += seconds
        return self

    def now(self, before: float = 0.0) -> RunStory:
        """What follows happened ``before`` seconds ago."""
        self.t = self.journal.clock() - before
        return self

    def say(self, kind: str, /, sev: Severity = Severity.INFO, **data: Any) -> RunStory:
        self._seq += 1
        event = Event(
            run=self.run,
            attempt=self.attempt,
            source="trainer",
            seq=self._seq,
            t=self.t,
            mono=self.t % 10_000,
            type=kind,
            sev=sev,
            data=data,
        )
        arrival = Arrival(event, encode(event))
        self.journal.writer.record(self.run, [arrival], sign_at=self.t)
        return self

    def infer(self, kind: str, /, attempt: int = 0, **data: Any) -> RunStory:
        self.journal.writer.say(self.run, Draft(attempt=attempt, type=kind, data=data, t=self.t))
        return self

    def spawn(self, verb: str = "spawn", **more: Any) -> RunStory:
        self.generation += 1
        return self.infer(
            "run.spawned",
            call_id=f"fc-{self.generation:04}",
            verb=verb,
            by="ana",
            host="jump1",
            config=self.config.to_json(),
            generation=self.generation,
            **more,
        )

    def claim(self, start: str = "cold", boot: float = 4.2) -> RunStory:
        self.attempt += 1
        self._seq = 0
        self.step = self.committed
        return self.say(
            "attempt.claimed",
            call_id=f"fc-{self.generation:04}",
            task_id=f"ta-{self.attempt:06}",
            boot_id=f"b{self.attempt}",
            host="local",
            pid=4242,
            start=start,
            boot_seconds=boot,
            resumed_from=self.committed,
            retries_used=self.retries,
            max_retries=self.config.max_retries,
            preemptions=self.preemptions,
        )

    def load(self, gpus: int = 0) -> RunStory:
        self.say("phase.changed", phase="LOADING")
        self.say(
            "gpu.found",
            requested="H100:8",
            requested_count=8,
            count=gpus,
            names=["H100"] * gpus,
            cpu_demo=not gpus,
        )
        self.wait(0.6).say("model.loaded", model="tiny-llama", parameters=824_192, seconds=0.41)
        if self.committed:
            self.say(
                "checkpoint.loaded",
                step=self.committed,
                name=self.committed_name,
                position=self.position,
                seconds=0.02,
            )
        return self.say("phase.changed", phase="STEPPING")

    def begin(self, gpus: int = 0) -> RunStory:
        return self.spawn().wait(4.2).claim().load(gpus)

    def steps(self, to: int, *, commit_every: int | None = None) -> RunStory:
        every = commit_every or self.config.checkpoint_interval
        while self.step < to:
            self.wait(self.pace)
            self.step += 1
            self.say(
                "step.completed", step=self.step, of=self.config.steps, metrics=metrics(self.step, self.pace)
            )
            if self.step % every == 0:
                self.commit()
        return self

    def commit(self, reason: str = "interval") -> RunStory:
        name = f"step_{self.step:08}.a{self.attempt:04}"
        self.say("phase.changed", phase="CHECKPOINTING")
        self.say("checkpoint.saved", step=self.step, name=name, bytes=9_931_000, seconds=0.03, reason=reason)
        self.say("phase.changed", phase="COMMITTING")
        self.position += 1
        took = 0.09 + 0.04 * math.sin(self.step)
        self.wait(took).say(
            "volume.committed",
            step=self.step,
            name=name,
            position=self.position,
            bytes=9_931_000,
            seconds=took,
            tries=1,
        )
        self.committed, self.committed_name = self.step, name
        return self.say("phase.changed", phase="STEPPING")

    def sample(self, rewards: tuple[float, ...] = (1.0, 0.17, 0.5, -0.2)) -> RunStory:
        """What the policy wrote at this step."""
        mean = sum(rewards) / len(rewards)
        samples = [
            {
                "prompt": f"sort: {index} 9 4 1 7 3",
                "completion": f"1 3 4 7 9 ({index})",
                "reward": reward,
                "advantage": reward - mean,
            }
            for index, reward in enumerate(rewards)
        ]
        return self.say("rollout.sampled", step=self.step, samples=samples)

    def evaluate(self, reward: float = 0.82) -> RunStory:
        """An evaluation after this step."""
        found = {"reward/mean": reward, "exact_match": reward - 0.1, "prompts": 64, "seconds": 1.4}
        return self.say("eval.completed", step=self.step, metrics=found)

    def host(self, cpu: float = 93.0, gpus: list[dict[str, Any]] | None = None) -> RunStory:
        """What the machine is doing, and its GPUs if it has any."""
        told = {} if gpus is None else {"gpu": gpus}
        return self.say("host.sampled", cpu_percent=cpu, rss=412_000_000, disk_free=51_200_000_000, **told)

    def prints(self, *texts: str, fd: str = "stdout") -> RunStory:
        """Lines that a container printed now."""
        self.journal.writer.add_logs(self.run, [LogLine(self.t, fd, text) for text in texts])
        return self

    def fail(self, delay: float = 5.0) -> RunStory:
        self.retries += 1
        self.say("exception.raised", Severity.ERROR, kind="DrillError", message="on purpose", retryable=True)
        self.say(
            "attempt.ended",
            Severity.ERROR,
            cause="exception",
            step=self.step,
            committed_step=self.committed,
            evidence="DrillError: on purpose",
            will_retry=True,
            retry=self.retries,
            of=self.config.max_retries,
            delay=delay,
        )
        return self.infer(
            "retry.scheduled",
            attempt=self.attempt,
            retry=self.retries,
            of=self.config.max_retries,
            delay=delay,
            due=self.t + delay,
            evidence="attempt.ended will_retry",
            inferred=True,
        )

    def drain(self, grace: float = 30.0, *, saving: bool = True, why: str = "") -> RunStory:
        self.say("phase.changed", phase="DRAINING")
        return self.say(
            "drain.started",
            Severity.WARN,
            cause="preempted",
            grace=grace,
            deadline=self.t + grace,
            saving=saving,
            why=why,
            step=self.step,
            committed_step=self.committed,
        )

    def preempted(self, *, saved: bool = False) -> RunStory:
        self.preemptions += 1
        return self.say(
            "attempt.ended",
            Severity.WARN,
            cause="preempted_drained" if saved else "preempted_killed",
            step=self.step,
            committed_step=self.committed,
            evidence="SIGINT, 0.3 s of grace",
        )

    def end(self, state: str, *, reason: str | None = None, detail: str = "") -> RunStory:
        cause = {"SUCCEEDED": "completed", "STOPPED": "stopped"}.get(state, "exception")
        about: dict[str, Any] = {"step": self.step, "committed_step": self.committed}
        self.say("attempt.ended", cause=cause, evidence=detail, **about)
        if reason is not None:
            about["reason"] = reason
        return self.say("run.ended", state=state, detail=detail, **about)


def metrics(step: int, pace: float = 0.4) -> dict[str, float]:
    """Plausible curves: reward rises and flattens, loss wobbles about zero, entropy falls."""
    noise = math.sin(step * 12.9898) * 43758.5453
    noise -= math.floor(noise) + 0.5
    return {
        "reward/mean": min(1.0, max(0.0, 1.02 / (1 + math.exp(-(step - 60) / 22)) + 0.05 * noise)),
        "loss": 0.006 * noise + 0.002 * math.sin(step / 9),
        "mismatch_kl": abs(0.0008 * noise) + (0.004 if step % 61 == 0 else 0.0005),
        "entropy": 0.4 + 1.7 * math.exp(-step / 70) + 0.04 * noise,
        "tokens_per_second": 11_400 + 1_300 * noise,
        "step_seconds": pace,
        "exact_match": 0.5,
    }
