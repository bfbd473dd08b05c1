"""Small, honest ports for a session: what is said is kept, checkpoints are directories, faults are real."""

import itertools
import json
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from remote.training.learner import Learner
from remote.training.ports import (
    CommitFailedError,
    Damaged,
    FencedError,
    FileWriter,
    Recognised,
    Saved,
)
from remote.training.session import Session
from remote.vocabulary.commands import Command, Verb
from remote.vocabulary.events import Severity
from remote.vocabulary.run_config import RunConfig

TINY = RunConfig(
    task_length=3,
    steps=6,
    prompts_per_step=4,
    group_size=4,
    minibatches=2,
    warmup_steps=1,
    checkpoint_interval=2,
    max_retries=3,
    wandb="disabled",
)


def config(**changes: Any) -> RunConfig:
    return RunConfig.from_json(TINY.to_json() | changes)


def interrupt_now() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def nothing() -> None:
    pass


class KeptRecorder:
    """Keeps every event as (type, severity, data); ``on`` runs a hook right after a given one."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Severity, dict[str, Any]]] = []
        self.hooks: list[tuple[str, dict[str, Any], Callable[[], None]]] = []
        self.flushed = 0

    def emit(self, type: str, /, *, sev: Severity = Severity.INFO, **data: Any) -> None:
        self.events.append((type, sev, json.loads(json.dumps(data))))
        for hook in [hook for hook in self.hooks if hook[0] == type and hook[1].items() <= data.items()]:
            self.hooks.remove(hook)
            hook[2]()

    def flush(self, timeout: float = 5.0) -> bool:
        self.flushed = len(self.events)
        return True

    def on(self, type: str, hook: Callable[[], None], **data: Any) -> None:
        self.hooks.append((type, data, hook))

    def types(self) -> list[str]:
        return [type for type, _, _ in self.events]

    def all(self, type: str) -> list[dict[str, Any]]:
        return [data for found, _, data in self.events if found == type]

    def one(self, type: str) -> dict[str, Any]:
        (data,) = self.all(type)
        return data

    def losses(self) -> dict[int, float]:
        return {data["step"]: data["metrics"]["loss"] for data in self.all("step.completed")}


class DirectoryCheckpoints:
    """Checkpoints as directories under a root, recognised by a line in a file beside them."""

    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self.root, self.log = root, root / "log.jsonl"
        self.during_save: Callable[[], None] = nothing
        self.during_commit: Callable[[], None] = nothing
        self.commits_to_fail = 0
        self.fenced = False
        self.damaged: list[Damaged] = []
        self._writes = itertools.count(1)

    def save(self, step: int, files: Mapping[str, FileWriter], about: Mapping[str, Any]) -> Saved:
        draft = self.root / f".tmp-{os.getpid()}-{next(self._writes)}"
        draft.mkdir()
        for name, write in files.items():
            write(draft / name)
            hook, self.during_save = self.during_save, nothing
            hook()
        name = f"step_{step:08d}.{len(list(self.root.iterdir()))}"
        size = sum(file.stat().st_size for file in draft.iterdir())
        draft.rename(self.root / name)
        return Saved(step=step, name=name, bytes=size, seconds=0.001)

    def commit(self, saved: Saved) -> Recognised:
        hook, self.during_commit = self.during_commit, nothing
        hook()
        if self.fenced:
            raise FencedError("a newer attempt holds the tail")
        if self.commits_to_fail:
            self.commits_to_fail -= 1
            raise CommitFailedError("the volume is busy")
        records = self.records()
        recognised = Recognised(step=saved.step, name=saved.name, position=len(records) + 1)
        with self.log.open("a") as log:
            log.write(json.dumps([recognised.step, recognised.name, recognised.position]) + "\n")
        return recognised

    def newest(self) -> tuple[Recognised, Path] | None:
        records = self.records()
        return (records[-1], self.root / records[-1].name) if records else None

    def skipped(self) -> Sequence[Damaged]:
        return self.damaged

    def prune(self, keep_last: int, keep_every: int) -> Sequence[Recognised]:
        gone = [r for r in self.records()[:-keep_last] if (self.root / r.name).exists()]
        for record in gone:
            for file in (self.root / record.name).iterdir():
                file.unlink()
            (self.root / record.name).rmdir()
        return gone

    def records(self) -> list[Recognised]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [Recognised(step=s, name=n, position=p) for s, n, p in map(json.loads, lines)]

    def newest_bytes(self) -> dict[str, bytes]:
        found = self.newest()
        assert found is not None
        return {file.name: file.read_bytes() for file in sorted(found[1].iterdir())}


class KeptCommands:
    """Commands that a test puts in; each is given out once."""

    def __init__(self) -> None:
        self.waiting: list[Command] = []

    def put(self, verb: Verb, id: str = "i1") -> None:
        self.waiting.append(Command(id=id, verb=verb, attempt=1, expires_at=2e9, by="ana", host="jump-1"))

    def poll(self) -> Sequence[Command]:
        taken, self.waiting = self.waiting, []
        return taken


class ProcessPlatform:
    """This process as a platform: a preemption is a real SIGINT that comes a moment later."""

    def __init__(self, checkpoints: DirectoryCheckpoints, *, able: bool = True) -> None:
        self.checkpoints, self.able = checkpoints, able
        self.done: set[str] = set()

    def preempt_me(self, grace: float) -> bool:
        if self.able:
            threading.Timer(0.02, interrupt_now).start()
        return self.able

    def fail_next_commit(self) -> bool:
        if self.able:
            self.checkpoints.commits_to_fail += 1
        return self.able

    def once(self, what: str) -> bool:
        first = what not in self.done
        self.done.add(what)
        return first


class Run:
    """One run over its attempts: what outlives an attempt is here."""

    def __init__(self, root: Path, config: RunConfig = TINY) -> None:
        self.config = config
        self.checkpoints = DirectoryCheckpoints(root)
        self.commands = KeptCommands()
        self.platform = ProcessPlatform(self.checkpoints)
        self.recorder = KeptRecorder()

    def session(
        self, make: Callable[[RunConfig], Learner] = Learner, retries_used: int = 0, **about: Any
    ) -> Session:
        """The next attempt, with a recorder of its own."""
        self.recorder = KeptRecorder()
        return Session(
            self.config,
            lambda: make(self.config),
            self.recorder,
            self.checkpoints,
            self.commands,
            self.platform,
            retries_used=retries_used,
            **({"sleep": lambda seconds: None} | about),
        )


class ProbedLearner(Learner):
    """A learner that runs a hook at the end of the rollout or between the minibatches of one step."""

    def __init__(self, config: RunConfig, place: str, at: int, hook: Callable[[], None]) -> None:
        super().__init__(config)
        self._place, self._at, self._hook = place, at, hook

    def _score(self, *arguments: Any) -> Any:
        self._probe("rollout")
        return super()._score(*arguments)

    def _minibatch(self, *arguments: Any) -> Any:
        seen = super()._minibatch(*arguments)
        self._probe("update")
        return seen

    def _probe(self, place: str) -> None:
        if place == self._place and self.steps_done + 1 == self._at:
            hook, self._hook = self._hook, nothing
            hook()
