"""``python trainer_client.py TASK.json``: carry one run out in the cloud that the environment names, killing
its containers as planned, and print its story as one line of JSON.

    {"run": "killed", "config": {...}, "kills": [Strike…], "rhythm": {...}, "crash_loop": false}

The story: what the live log holds (``events``, with the lines' attempt), what each killed container had
said on its stdout, each kill with what it cost, the commit log, and the final checkpoint's digests. It
starts runs as the watcher does, and after a few crashes in a row as an operator who does not wait for the
platform's ever longer pauses: cancel the call, resume the run with a new one. With ``crash_loop`` it does
not take care that every third attempt commits something.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import modal
import msgspec
from kill_plan import GIVE_UP_SECONDS, Rhythm, Strike, Victim, moments, strike

from remote.records import attempt_claim, commit_log, keys
from remote.records.event_log import EventReader
from remote.records.tables import ModalTable
from remote.trainer_app import APP_NAME, CHECKPOINTS_PATH

KILLS_A_CALL = 3
"""The platform waits 0, 1, 2, 4 … s after crashes in a row, and gives up at the eighth."""


class Run:
    """One run, over all its calls."""

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self.name, self._config = name, config
        self.table = ModalTable.open(keys.run_table(name))
        self.spawned: list[float] = []
        self._trainer = modal.Cls.from_name(APP_NAME, "Trainer")()
        self._reader = EventReader(self.table)
        self.events: list[dict[str, Any]] = []
        self.lines: dict[int, list[bytes]] = {}

    def spawn(self) -> None:
        """The next generation."""
        intent = {"id": f"i{len(self.spawned)}", "generation": len(self.spawned) + 1, "from_step": None}
        self.spawned.append(time.time())
        self.call = self._trainer.train.spawn(self.name, self._config, intent)

    def resume(self) -> None:
        self.call.cancel()
        self.spawn()

    def read(self) -> None:
        while batches := self._reader.read():
            for batch in batches:
                self.lines.setdefault(batch.attempt, []).extend(batch.lines)
                self.events += [msgspec.json.decode(line) for line in batch.lines]

    @property
    def ended(self) -> bool:
        self.read()
        return any(event["type"] == "run.ended" for event in self.events)

    def attempt(self, after: int) -> tuple[int, Victim] | None:
        """The first attempt of the present call after that one, and its container; None before it claimed.
        Of a call that was cancelled the platform may have begun one more, which nobody waits for."""
        claims = attempt_claim.read_claims(self.table)
        ours = [c for c in claims[after:] if c is not None and c.call_id == self.call.object_id]
        if not ours:
            return None
        record = ours[0]
        environ = Path(f"/proc/{record.pid}/environ").read_bytes().split(b"\0")
        settings = dict(entry.decode().partition("=")[::2] for entry in environ if entry)
        volume = Path(json.loads(settings["LOCAL_CLOUD_MOUNTS"])[CHECKPOINTS_PATH])
        victim = Victim(record.pid, Path(f"/proc/{record.pid}/fd/1"), volume / self.name)
        return record.attempt, victim


def carry_out(task: dict[str, Any]) -> dict[str, Any]:
    """The story of the task's run."""
    run, began = Run(task["run"], task["config"]), time.monotonic()
    run.spawn()
    kills = list(_kill_all(run, task)) if task.get("kills") else []
    for _ in moments(lambda: run.ended, seconds=task.get("seconds", GIVE_UP_SECONDS)):
        time.sleep(0.1)
    result, claims = run.call.get(timeout=60), attempt_claim.read_claims(run.table)
    return {
        "events": run.events,
        "kills": kills,
        "calls": len(run.spawned),
        "spawned": run.spawned,
        "result": result,
        "attempts": len(claims),
        "claimed": claims[0].at if claims and claims[0] else None,
        "final": final_digests(run),
        "seconds": time.monotonic() - began,
    }


def _kill_all(run: Run, task: dict[str, Any]) -> Any:
    rhythm, in_vain, in_this_call = Rhythm(**task["rhythm"]), 0, 0
    number = 0
    for planned in task["kills"]:
        if in_this_call == KILLS_A_CALL:
            run.resume()
            in_this_call = 0
        number, victim = _await_attempt(run, number)
        seen = strike(victim, Strike(**planned), rhythm, 0 if task.get("crash_loop") else in_vain)
        if seen is None:
            return
        in_vain, in_this_call = (0 if seen["committed"] else in_vain + 1), in_this_call + 1
        run.read()
        told = run.lines.get(number, [])
        yield seen | {
            "attempt": number,
            "pid": victim.pid,
            "same_lines": all(a == b for a, b in zip(told, victim.lines, strict=False)),
            "said": len(victim.lines),
            "told": len(told),
        }


def _await_attempt(run: Run, after: int) -> tuple[int, Victim]:
    found: list[tuple[int, Victim]] = []

    def there() -> bool:
        time.sleep(0.02)
        attempt = run.attempt(after)
        found.extend([attempt] if attempt else [])
        return bool(found)

    for _ in moments(there):
        pass
    return found[0]


def final_digests(run: Run) -> dict[str, str]:
    """File → sha256 of the run's newest recognised checkpoint, as the volume gives it."""
    newest = commit_log.newest(commit_log.read_log(run.table))
    if newest is None:
        return {}
    volume = modal.Volume.from_name("middlewatch-checkpoints", version=2)
    found = {}
    for entry in volume.listdir(f"{run.name}/{newest.name}"):
        content = b"".join(volume.read_file(entry.path))
        found[os.path.basename(entry.path)] = hashlib.sha256(content).hexdigest()
    return found


if __name__ == "__main__":
    print(json.dumps(carry_out(json.loads(Path(sys.argv[1]).read_text()))))
