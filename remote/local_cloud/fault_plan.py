"""Which faults are in force because somebody asked for them, and a record of every request.

A fault lasts as its request says, until `clear`, or until the daemon ends: a new daemon starts
healthy. The record stays. It knows volume ids and moments; what a fault does is done by whoever
asks here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from remote.local_cloud import clocks
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS fault_requests(
  number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL,
  detail TEXT NOT NULL);
"""
FOR_EVER = float("inf")


@dataclass(slots=True)
class InForce:
    """What is wrong now. Volumes are ids; delays are seconds; ``capacity_from`` is unix seconds, the
    moment from which containers start again; ``preemptions_per_hour`` holds for each container."""

    commit_failures: Counter[str] = field(default_factory=Counter)
    commit_delays: dict[str, float] = field(default_factory=dict)
    stale_volumes: set[str] = field(default_factory=set)
    capacity_from: float = 0.0
    network_delay: float = 0.0
    preemptions_per_hour: float = 0.0


class FaultPlan:
    """The faults of one cloud. ``clock`` gives unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._db = store.db
        store.define(_TABLES)
        self._clock = clock
        self.now = InForce()

    def record(self, who: str, kind: str, detail: Mapping[str, Any]) -> None:
        """Note a request that was carried out."""
        row = (self._clock(), who, kind, json.dumps(dict(detail), sort_keys=True))
        self._db.execute("INSERT INTO fault_requests(at, who, kind, detail) VALUES(?,?,?,?)", row)

    def clear(self) -> None:
        """End everything that is in force."""
        self.now = InForce()

    def take_commit_failure(self, volume_id: str) -> bool:
        """Whether the next commit of a volume must fail; each request is used up once."""
        if self.now.commit_failures[volume_id] <= 0:
            return False
        self.now.commit_failures[volume_id] -= 1
        return True

    @property
    def has_capacity(self) -> bool:
        """Whether containers may start."""
        return self._clock() >= self.now.capacity_from

    def report(self) -> dict[str, Any]:
        """For `status`: what is in force, how often each was asked for, the last request."""
        rows = self._db.execute("SELECT kind, count(*) AS n FROM fault_requests GROUP BY kind ORDER BY kind")
        last = self._db.execute("SELECT * FROM fault_requests ORDER BY number DESC LIMIT 1").fetchone()
        report = {"in_force": self._words(), "counts": {row["kind"]: row["n"] for row in rows}}
        if last:
            asked = {"at": last["at"], "by": last["who"], "kind": last["kind"]}
            report["last"] = asked | json.loads(last["detail"])
        return report

    def _words(self) -> list[str]:
        now, words = self.now, []
        words += [f"the next {n} commits of {v} fail" for v, n in now.commit_failures.items() if n > 0]
        words += [f"commits of {v} take {s:g} s more" for v, s in now.commit_delays.items()]
        words += [f"reloads of {v} bring nothing" for v in sorted(now.stale_volumes)]
        if not self.has_capacity:
            left = now.capacity_from - self._clock()
            words.append("no container starts" + (f" for {left:.0f} s" if left < FOR_EVER else ""))
        if now.network_delay:
            words.append(f"every request takes {now.network_delay * 1000:g} ms more")
        if now.preemptions_per_hour:
            words.append(f"each container is preempted {now.preemptions_per_hour:g} times an hour")
        if clocks.jumped():
            words.append(f"the wall clock is {clocks.jumped():+g} s off")
        return words
