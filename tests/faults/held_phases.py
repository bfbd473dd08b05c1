"""Inside a container under test: holds it in a phase until the platform has interrupted it there.

The test's interpreter imports this before anything else (`interrupted_python`). In a container it waits for
the modules of the trainer and puts a wrapper around one function a phase, which goes on to call the real
one. Notes in the directory ``phases`` beside this file say what to hold, in order:

    0007-rollout@13@0.5  hold in the first rollout from step 13 on, ask the platform for a preemption with a
                         grace of 0.5 s, and go on when its interrupt has come; the note moves to ``held``

Nothing is replaced: a process that finds no note runs as it is.
"""

import functools
import importlib.abc
import importlib.machinery
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

PHASES = {
    "load": ("remote.training.model", "build_policy"),
    "rollout": ("remote.training.rollout", "sample"),
    "score": ("remote.training.loss", "group_advantages"),
    "update": ("remote.training.loss", "policy_loss"),
    "eval": ("remote.training.actor", "Actor.evaluate"),
    "checkpoint": ("remote.records.durable_files", "publish"),
    "commit": ("remote.records.commit_log", "CommitLog.append_commit"),
    "exit hook": ("remote.supervised_attempt", "SupervisedAttempt.leave"),
}
ENTER = ("enter", "remote.training.loss")
"""Held while this module is being imported."""
STEPPING = ("remote.training.learner", "Learner.step")
NOTES, HELD = Path(__file__).with_name("phases"), Path(__file__).with_name("held")
INTERRUPT_SECONDS = 5.0
_now = {"step": 0, "leaves": 0}


def hold(phase: str) -> None:
    """If the first note is for this phase and step: ask to be preempted, and wait for it."""
    note = min(NOTES.iterdir(), default=None)
    if note is None:
        return
    wanted, step, grace = note.name.partition("-")[2].split("@")
    if wanted != phase or _now["step"] < int(step):
        return
    about = {"t": time.time(), "step": _now["step"], "pid": os.getpid(), "task": os.environ["MODAL_TASK_ID"]}
    note.write_text(json.dumps(about))
    note.rename(HELD / note.name)
    faults = Path(os.environ["LOCAL_CLOUD_FAULTS"])
    (faults / ".asked").write_text(json.dumps({"grace": float(grace)}))
    (faults / ".asked").rename(faults / "preempt")
    deadline = time.monotonic() + INTERRUPT_SECONDS
    while (faults / "preempt").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)


def _wrapped(function: Callable[..., Any], before: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(function)
    def held(*arguments: Any, **named: Any) -> Any:
        before(*arguments, **named)
        return function(*arguments, **named)

    return held


def _note_step(learner: Any, n: int, *rest: Any) -> None:
    _now["step"] = n


def _leave(*attempt: Any) -> None:
    """`train` leaves first, the exit hook a second time."""
    _now["leaves"] += 1
    if _now["leaves"] > 1:
        hold("exit hook")


def _prepare(module: ModuleType) -> None:
    places = {phase: where for phase, where in PHASES.items() if where[0] == module.__name__}
    for phase, (_, name) in places.items():
        before = _leave if phase == "exit hook" else lambda *a, phase=phase, **n: hold(phase)
        _wrap(module, name, before)
    if module.__name__ == STEPPING[0]:
        _wrap(module, STEPPING[1], _note_step)


def _wrap(module: ModuleType, name: str, before: Callable[..., None]) -> None:
    owner, _, attribute = name.rpartition(".")
    holder: Any = getattr(module, owner) if owner else module
    setattr(holder, attribute, _wrapped(getattr(holder, attribute), before))


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == ENTER[1]:
            hold(ENTER[0])
        self._loader.exec_module(module)
        _prepare(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds as usual, and lets `_Loader` do what the found loader would."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith("remote."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


if "LOCAL_CLOUD_FAULTS" in os.environ:
    sys.meta_path.insert(0, _Finder())
