"""``python plain_trainer.py TASK.json``: the real learner with a saver of one's choice in a plain directory,
first undisturbed, then killed as planned; prints both stories.

``whole`` is `remote.records.checkpoint_store`. ``naive`` is what it is there to prevent: files in place
under final names, no manifest, no fsync, and a restart from the highest step that has a directory. An
attempt is a fork of this process, so it starts in a moment.
"""

import hashlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from kill_plan import Rhythm, Strike, Victim, moments, strike
from trainer_promises import rhythm

from remote.records.checkpoint_store import CheckpointStore
from remote.training.learner import Learner
from remote.vocabulary.events import Event, encode
from remote.vocabulary.run_config import RunConfig

DEATHS_OF_ITS_OWN = 3
Files = Mapping[str, Callable[[Path], None]]


class Saver(Protocol):
    def save(self, step: int, attempt: int, files: Files) -> None:
        """Keep the state after this step."""

    def newest(self) -> tuple[int, Path] | None:
        """Step and directory to resume from."""


class NaiveSaver:
    def __init__(self, root: Path) -> None:
        root.mkdir(exist_ok=True)
        self._root = root

    def save(self, step: int, attempt: int, files: Files) -> None:
        directory = self._root / f"step_{step:08d}"
        directory.mkdir(exist_ok=True)
        for name, write in files.items():
            write(directory / name)

    def newest(self) -> tuple[int, Path] | None:
        name = max(os.listdir(self._root), default=None)
        return None if name is None else (int(name[5:]), self._root / name)


class WholeSaver:
    def __init__(self, root: Path) -> None:
        self._store = CheckpointStore(root)

    def save(self, step: int, attempt: int, files: Files) -> None:
        self._store.write(step, attempt, files, {})

    def newest(self) -> tuple[int, Path] | None:
        self._store.sweep()
        names = self._store.names()
        return (self._store.verify(names[-1]).step, self._store.path(names[-1])) if names else None


SAVERS: dict[str, Callable[[Path], Saver]] = {"naive": NaiveSaver, "whole": WholeSaver}


def train(saver: Saver, config: RunConfig, attempt: int, out: int) -> None:
    """One attempt: what the deployed class says, as far as the promises are about it."""
    seq = 0

    def say(type: str, **about: Any) -> None:
        nonlocal seq
        seq += 1
        event = Event(
            run="plain", attempt=attempt, source="trainer", seq=seq, t=time.time(), mono=time.monotonic(),
            type=type, data=about,
        )  # fmt: skip
        os.write(out, encode(event) + b"\n")

    learner, found = Learner(config), saver.newest()
    say("attempt.claimed", resumed_from=found[0] if found else 0)
    if found:
        learner.load(found[1])
    while learner.steps_done < config.steps:
        record = learner.step(learner.steps_done + 1)
        say("step.completed", step=record.step, metrics=record.metrics)
        if record.step % config.checkpoint_interval == 0:
            saver.save(record.step, attempt, learner.files())
            say("volume.committed", step=record.step)
    say("run.ended", state="SUCCEEDED")


class Story:
    """One run over all its attempts."""

    def __init__(self, root: Path, saver: Callable[[Path], Saver], config: RunConfig) -> None:
        root.mkdir()
        self._root, self._config, self._saver = root, config, saver
        self.checkpoints = root / "checkpoints"
        self.victims: list[Victim] = []
        self.kills: list[dict[str, Any]] = []
        self._began = time.monotonic()

    def start(self) -> Victim:
        attempt = len(self.victims) + 1
        said = self._root / f"{attempt:04d}.out"
        out = os.open(said, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        if (pid := os.fork()) == 0:
            os.setsid()
            try:
                train(self._saver(self.checkpoints), self._config, attempt, out)
            except BaseException:
                os.write(out, traceback.format_exc().encode())
                os._exit(1)
            os._exit(0)
        os.close(out)
        self.victims.append(Victim(pid, said, self.checkpoints))
        return self.victims[-1]

    def kill_all(self, strikes: list[Strike], pace: Rhythm) -> None:
        """One attempt a strike, until the run or its patience is over."""
        deaths = 0
        while strikes and deaths < DEATHS_OF_ITS_OWN:
            victim = self.start()
            seen = strike(victim, strikes[0], pace, attempts_in_vain=0)
            if seen is not None:
                self.kills.append(seen | {"attempt": len(self.victims), "same_lines": True})
                strikes, deaths = strikes[1:], 0
            elif self._finish(victim):
                return
            else:
                deaths += 1
            os.waitpid(victim.pid, 0)
        if not strikes:
            self._finish(self.start())

    def _finish(self, victim: Victim) -> bool:
        for _ in moments(lambda: not victim.alive):
            pass
        victim.look()
        return bool(victim.all("run.ended"))

    def told(self) -> dict[str, Any]:
        newest = self._saver(self.checkpoints).newest()
        files = sorted(newest[1].iterdir()) if newest else []
        return {
            "events": [event for victim in self.victims for event in victim.events],
            "kills": self.kills,
            "calls": len(self.victims),
            "final": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
            "seconds": time.monotonic() - self._began,
        }


def main(task: dict[str, Any]) -> dict[str, Any]:
    directory, config = Path(task["directory"]), RunConfig.from_json(task["config"])
    saver = SAVERS[task["saver"]]
    undisturbed = Story(directory / "undisturbed", saver, config)
    undisturbed.kill_all([], Rhythm(start=0, step=0, save=0))
    reference = undisturbed.told()
    killed = Story(directory / "killed", saver, config)
    killed.kill_all([Strike(**planned) for planned in task["kills"]], rhythm(reference))
    return {"undisturbed": reference, "killed": killed.told(), "rhythm": asdict(rhythm(reference))}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
