"""Lets a trainer that is not ours be supervised like one: a single module to copy, which needs only modal.

    with Emitter("my-run", steps=1000) as run:     # claims the attempt; says how it ended
        load(run.checkpoint)                       # "", or the name that was committed for run.resumed_from
        order = run.step(step, loss=loss)          # None, "checkpoint" or "stop", until it is done
        stop = run.committed(step, path)           # after volume.commit(): a kill goes back to here

It writes the layout of `remote.records` as JSON bytes into modal.Dicts; a thread does what can wait.
Another call with the same run name is the next generation. A RuntimeError tells the older one to end.
"""

import contextlib
import json
import math
import os
import threading
import time
from datetime import datetime
from typing import Any

import modal

_CAUSES = {KeyboardInterrupt: "preempted_drained", Exception: "exception", BaseException: "killed_unknown"}


class Emitter(contextlib.AbstractContextManager["Emitter"]):
    """One attempt of ``run`` (1 to 48 of a-z, 0-9, -), which goes on after the step ``resumed_from``."""

    def __init__(self, run: str, *, steps: int | None = None) -> None:
        self._run, self._goal, self._boot = run, steps, os.urandom(16).hex()
        self._table = modal.Dict.from_name(f"middlewatch-run-{run}", create_if_missing=True)
        self._said: list[dict[str, Any]] = []  # appended to here, cut by the thread: each is one C call
        self._heard: list[dict[str, Any]] = []
        self._open: dict[str, str] = {}
        self._hurry, self._alive = threading.Event(), True
        claim = self._claim(modal.current_function_call_id(), time.time())
        self._attempt = self._number("attempts", "boot_id", claim)
        self._commits: dict[int, dict[str, Any]] = {0: {"step": 0, "name": ""}}
        self._position = self._head = self._highest = 0
        while not self._append("fence", resumed_from=self._head):
            pass
        self.resumed_from, self.checkpoint = (self._commits[self._head][of] for of in ("step", "name"))
        self._step = self._committed = self.resumed_from
        threading.Thread(target=self._work, name="emitter", daemon=True).start()
        self._say("attempt.claimed", resumed_from=self.resumed_from, **claim)
        self._say("phase.changed", phase="STEPPING")

    def step(self, step: int, **metrics: Any) -> str | None:
        """A finished step, from 1; never waits, leaves out what is no number. What the operator asks for."""
        self._step = int(step)
        numbers = {name: float(x) for name, x in metrics.items() if hasattr(x, "__float__")}
        said = {name: x if math.isfinite(x) else json.dumps(x) for name, x in numbers.items()}
        self._say("step.completed", step=self._step, of=self._goal, metrics=said)
        while self._heard:
            command = self._heard.pop(0)
            if command["expires_at"] > time.time():
                self._open[command["id"]] = command["verb"]
                self._say("command.received", id=command["id"], verb=command["verb"])
        return max(self._open.values(), default=None)  # a stop outweighs a checkpoint

    def committed(self, step: int, path: str | os.PathLike[str]) -> bool:
        """What is at ``path``, safe on the volume, is the checkpoint of ``step``. Whether to end now."""
        about = {"bytes": os.path.getsize(path)} if os.path.isfile(path) else {}
        said = {"step": int(step), "name": os.path.basename(path)}
        while not self.flush() or not self._append("commit", **said, about=about):
            pass  # a step that counts is never done again: its events must be safe first
        self._committed = int(step)
        self._say("volume.committed", position=self._position, **said, **about)
        self._answer("checkpoint", "done", f"step {step} is committed")
        return "stop" in self._open.values()

    def flush(self, timeout: float = 5.0) -> bool:
        """Whether everything said so far is in the event log within ``timeout`` seconds."""
        until = time.monotonic() + timeout
        while self._said and time.monotonic() < until:
            self._hurry.set()
            time.sleep(0.01)
        return not self._said

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        stopped = kind is None and "stop" in self._open.values() and self._step != self._goal
        failed = [cause for known, cause in _CAUSES.items() if kind and issubclass(kind, known)]
        cause = [*failed, "stopped" if stopped else "completed"][0]
        self._answer("stop", "done" if stopped else "refused", f"the attempt ended: {cause}")
        place = {"step": self._step, "committed_step": self._committed}
        why = f"{kind.__name__}: {error}"[:500] if kind else ""
        self._say("attempt.ended", cause=cause, evidence=why, **place)
        if kind is None:
            self._say("run.ended", state="STOPPED" if stopped else "SUCCEEDED", detail="", **place)
        self._alive = not self.flush()  # a call that is over has no heartbeat

    def _claim(self, call: str | None, now: float) -> dict[str, Any]:
        """Take the run's next generation, unless this call has one; what an attempt of it claims with."""
        who = {"run": self._run, "by": "", "host": os.uname().nodename, "at": now, "created_at": now}
        config = {"steps": self._goal} if self._goal else {}
        spawn = {"intent": self._boot, "verb": "adopt", "config": config, **who}
        if call is None or self._first("spawn/0001", spawn)["verb"] != "adopt":
            raise RuntimeError(f"{self._run} is another trainer's run, or this is no call of Modal's")
        registry = modal.Dict.from_name("middlewatch-registry", create_if_missing=True)
        registry.put(f"runs/{self._run}", json.dumps(who).encode(), skip_if_exists=True)
        generation = self._number("owner", "call_id", {"call_id": call, "at": now})
        self._first(f"spawn/{generation:04d}", spawn)
        task = {"task_id": os.environ.get("MODAL_TASK_ID", ""), "pid": os.getpid()}
        return {"generation": generation, "boot_id": self._boot, "call_id": call, **task, **who}

    def _number(self, kind: str, key: str, ours: dict[str, Any]) -> int:
        """The number of the first record of this kind that is ours by its ``key``, or that nobody has."""
        number, record = 0, {key: None}
        while record[key] != ours[key]:
            number += 1
            record = self._first(f"{kind}/{number:04d}", {"attempt": number, **ours})
            if record.get("generation", 0) > ours.get("generation", 0):
                raise RuntimeError(f"fenced: a newer call of {self._run} is at work")
        return number

    def _append(self, kind: str, **fields: Any) -> bool:
        """Take the next position of the commit log; False if another has it, which is then taken in."""
        ours = {"kind": kind, "attempt": self._attempt, "boot_id": self._boot, "t": time.time(), **fields}
        record = self._first(f"log/{self._position + 1:08d}", ours)
        if record["attempt"] > self._attempt:
            raise RuntimeError(f"fenced: attempt {record['attempt']} of {self._run} is at work")
        self._position += 1
        if record["attempt"] >= self._highest:  # a late word of an older attempt counts for nothing
            self._highest, self._commits[self._position] = record["attempt"], record
            self._head = self._position if record["kind"] == "commit" else record["resumed_from"]
        return bool(record == ours)

    def _first(self, key: str, value: dict[str, Any]) -> dict[str, Any]:
        """What stands there, ``value`` if nothing did: compare-and-set that may be asked again."""
        if self._table.get(key) is None:
            self._table.put(key, json.dumps(value).encode(), skip_if_exists=True)
        return dict(json.loads(self._table.get(key)))

    def _answer(self, verb: str, outcome: str, detail: str) -> None:
        for id in [id for id, asked in self._open.items() if asked == verb]:
            self._say("command.done", id=id, verb=self._open.pop(id), outcome=outcome, detail=detail)

    def _say(self, type: str, **data: Any) -> None:
        what = {"v": 1, "run": self._run, "attempt": self._attempt, "source": "trainer", "type": type}
        when = {"t": datetime.now().astimezone().isoformat(), "mono": time.monotonic(), "sev": 9}
        self._said.append({**what, **when, "data": data})

    def _work(self) -> None:
        seq = batch = taken = turn = 0
        while self._alive:
            turn += 1
            self._hurry.wait(0.5)
            self._hurry.clear()
            with contextlib.suppress(Exception):  # the network: tried again in the next turn
                if said := self._said[:500]:
                    key = f"events/{self._attempt:04d}/{batch + 1:08d}"
                    lines = (json.dumps({**each, "seq": n}) for n, each in enumerate(said, seq + 1))
                    body = "\n".join(lines).encode()
                    if self._table.put(key, body, skip_if_exists=True) or self._table.get(key) == body:
                        seq += len(said)
                        del self._said[: len(said)]
                    batch += 1
                if said or turn % 4 == 1:
                    sign = {"attempt": self._attempt, "boot_id": self._boot, "n": turn, "batch": batch}
                    beat = json.dumps({**sign, "t": time.time()}).encode()
                    self._table.update(head=beat, heartbeat=beat)
                while (sent := self._table.get(f"commands/{taken + 1:08d}")) is not None:
                    taken += 1
                    command = json.loads(sent)["command"]
                    if command["attempt"] == self._attempt:
                        self._heard.append(command)
                if turn % 150_000 == 0:  # about daily: Modal forgets what nobody has read for a week
                    for key in [key for key in list(self._table.keys()) if key[:7] != "events/"]:
                        self._table.get(key)
