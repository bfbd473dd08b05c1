"""Tables in memory: a plain one, one whose replies get lost, and one that takes turns on demand."""

import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any


def chosen_seed() -> int:
    """MIDDLEWATCH_SEED, or a new one; printed, so that a failure can be repeated."""
    seed = int(os.environ.get("MIDDLEWATCH_SEED") or random.randrange(2**31))
    print(f"repeat with MIDDLEWATCH_SEED={seed}")
    return seed


class MemoryTable:
    """What `remote.records.tables.Table` promises, and a count of the requests."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.requests = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        self.requests += 1
        return self.entries.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.requests += 1
        with self._lock:
            self.entries[key] = value

    def add(self, key: str, value: bytes) -> bool:
        self.requests += 1
        with self._lock:
            if key in self.entries:
                return False
            self.entries[key] = value
            return True

    def contents(self) -> dict[str, bytes]:
        return dict(self.entries)

    def numbered(self, prefix: str) -> list[bytes]:
        return [self.entries[key] for key in sorted(self.entries) if key.startswith(prefix)]


class FaultyTable(MemoryTable):
    """Asks ``fault()`` before each `add`: "" all is well, "lost" it is done and answered False, "unsure"
    done and no answer, "refused" not done and no answer."""

    def __init__(self, fault: Callable[[], str], inner: MemoryTable | None = None) -> None:
        super().__init__()
        self._fault, self._inner = fault, inner or MemoryTable()
        self.entries = self._inner.entries

    def add(self, key: str, value: bytes) -> bool:
        fault = self._fault()
        if fault == "refused":
            raise ConnectionError("no connection")
        added = self._inner.add(key, value)
        if fault == "unsure":
            raise ConnectionError("no answer")
        return added and fault != "lost"


def at_random(rng: random.Random, share: float, kinds: Sequence[str]) -> Callable[[], str]:
    return lambda: rng.choice(kinds) if rng.random() < share else ""


class Stage:
    """Runs actors in threads, each standing still before every table request until ``turns`` (numbers that
    somebody drew) picks it. So an interleaving is a value that can be drawn, shrunk and repeated."""

    def __init__(self, turns: Iterator[int]) -> None:
        self._turns = turns
        self._reports: SimpleQueue[tuple[int, bool]] = SimpleQueue()
        self._go: dict[int, SimpleQueue[None]] = {}

    def wait(self, actor: int) -> None:
        self._reports.put((actor, True))
        self._go[actor].get()

    def play(self, actors: dict[int, Callable[[], Any]]) -> dict[int, Any]:
        results: dict[int, Any] = {}
        self._go = {actor: SimpleQueue() for actor in actors}
        for actor, work in actors.items():
            threading.Thread(target=self._act, args=(actor, work, results), daemon=True).start()
        moving, ready = len(actors), []
        while moving or ready:
            while moving:
                actor, waits = self._reports.get()
                moving -= 1
                ready += [actor] if waits else []
            if ready:
                ready.sort()
                actor = ready.pop(next(self._turns, 0) % len(ready))
                moving = 1
                self._go[actor].put(None)
        return results

    def _act(self, actor: int, work: Callable[[], Any], results: dict[int, Any]) -> None:
        self.wait(actor)
        try:
            results[actor] = work()
        except BaseException as error:
            results[actor] = error
        self._reports.put((actor, False))


class SteppedTable:
    """An actor's view of a shared table: each request is one turn on the stage."""

    def __init__(self, stage: Stage, actor: int, inner: MemoryTable) -> None:
        self._stage, self._actor, self._inner = stage, actor, inner

    def get(self, key: str) -> bytes | None:
        self._stage.wait(self._actor)
        return self._inner.get(key)

    def put(self, key: str, value: bytes) -> None:
        self._stage.wait(self._actor)
        self._inner.put(key, value)

    def add(self, key: str, value: bytes) -> bool:
        self._stage.wait(self._actor)
        return self._inner.add(key, value)
