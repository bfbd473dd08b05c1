"""`modal.clustered` on one machine: containers that start together, take each input together, end together.

Rank 0 leads: it takes an input from the queue as any container does, every other rank is given the same
one, and only the leader's output counts. When a member dies the others are ended with it, and the input
is given to a new cluster, whole again. The ranks share the machine's addresses and ports: over IPv6 all
are ``::1``; over IPv4, on Linux, each has a loopback address of its own. Who belongs to what is stored,
so that the next daemon finds it. It knows ranks and inputs; it starts no process.
"""

from __future__ import annotations

import socket
import sqlite3
import sys
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from remote.local_cloud import clocks
from remote.local_cloud.calls import Input
from remote.local_cloud.ids import new_id
from remote.local_cloud.pulse import Pulse
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS cluster_members(
  task_id TEXT PRIMARY KEY, cluster_id TEXT NOT NULL, rank INTEGER NOT NULL, size INTEGER NOT NULL,
  app_id TEXT NOT NULL, started_at REAL NOT NULL, here INTEGER NOT NULL, given TEXT NOT NULL);
"""
PROGRAM = [sys.executable, "-P", str(Path(__file__).with_name("cluster_member.py"))]
ADDRESS = "LOCAL_CLOUD_CLUSTER_ADDRESS"
NETWORKS = 250


@dataclass(slots=True, kw_only=True)
class Cluster:
    """One cluster: its members by rank, those of them that are ready to begin, and for each the inputs that
    the leader has and it has not had yet. ``remains_since`` is when its leader ended in the ordinary way."""

    cluster_id: str
    app_id: str
    size: int
    started_at: float
    task_ids: list[str] = field(default_factory=list)
    here: set[str] = field(default_factory=set)
    waiting: dict[str, deque[Input]] = field(default_factory=dict)
    broken: bool = False
    remains_since: float | None = None
    changed: Pulse = field(default_factory=Pulse)

    @property
    def leader(self) -> str:
        """The container whose output counts."""
        return self.task_ids[0]

    @property
    def is_complete(self) -> bool:
        """Whether all members have come as far as their own code."""
        return len(self.here) == self.size

    @property
    def addresses(self) -> tuple[list[str], list[str]]:
        """The members' IPv6 and IPv4 addresses, by rank."""
        own = [address()] * self.size
        if not sys.platform.startswith("linux"):
            return own, ["127.0.0.1"] * self.size
        network = int.from_bytes(self.cluster_id.encode()[-4:], "big") % NETWORKS**2
        first, second = divmod(network, NETWORKS)
        return own, [f"127.{first + 1}.{second + 1}.{rank + 1}" for rank in range(self.size)]


def address() -> str:
    """The address of every container as Modal's client asks for it: IPv6 where this machine has it."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return "127.0.0.1"
    return "::1"


class Clusters:
    """All clusters that are not over."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        store.define(_TABLES)
        self._of: dict[str, Cluster] = {}

    def begin(self, app_id: str, size: int) -> Cluster:
        """A cluster that members are about to join."""
        return Cluster(cluster_id=new_id("cu"), app_id=app_id, size=size, started_at=clocks.now())

    def join(self, cluster: Cluster, task_id: str) -> None:
        """A container is the next rank of a cluster."""
        rank = len(cluster.task_ids)
        values = (task_id, cluster.cluster_id, rank, cluster.size, cluster.app_id, cluster.started_at)
        self._db.execute("INSERT INTO cluster_members VALUES(?,?,?,?,?,?,0,'')", values)
        cluster.task_ids.append(task_id)
        self._know(cluster, task_id)

    def of(self, task_id: str) -> Cluster | None:
        """The cluster that a container belongs to."""
        return self._of.get(task_id)

    def get(self, cluster_id: str) -> Cluster:
        """A cluster by its id; KeyError."""
        for cluster in self._of.values():
            if cluster.cluster_id == cluster_id:
                return cluster
        raise KeyError(cluster_id)

    def all(self) -> list[Cluster]:
        """Every cluster, oldest first."""
        return list({cluster.cluster_id: cluster for cluster in self._of.values()}.values())

    def leader_of(self, task_id: str) -> str:
        """The container that holds, for the queue, what a container runs: itself or its rank 0."""
        cluster = self._of.get(task_id)
        return cluster.leader if cluster else task_id

    def follows(self, task_id: str) -> bool:
        """Whether a container gets its inputs from its cluster's leader."""
        return self.leader_of(task_id) != task_id

    def others(self, task_id: str) -> list[str]:
        """The other members of a container's cluster."""
        cluster = self._of.get(task_id)
        return [other for other in cluster.task_ids if other != task_id] if cluster else []

    def arrive(self, task_id: str) -> Cluster:
        """A member is ready to begin. KeyError for a container that is in no cluster."""
        cluster = self._of[task_id]
        self._db.execute("UPDATE cluster_members SET here=1 WHERE task_id=?", (task_id,))
        cluster.here.add(task_id)
        cluster.changed.beat()
        return cluster

    def broadcast(self, task_id: str, taken: Input) -> None:
        """What a leader has taken is for every other member as well."""
        for other in self.others(task_id):
            self._of[other].waiting[other].append(taken)

    def next_for(self, task_id: str) -> Input | None:
        """The next input for a member that follows, None if there is none now."""
        waiting = self._of[task_id].waiting[task_id]
        if not waiting:
            return None
        self._note_given(task_id, waiting[0].input_id)
        return waiting.popleft()

    def done(self, task_id: str) -> None:
        """A member that follows is through with what it was given."""
        if self.follows(task_id):
            self._note_given(task_id, "")

    def forget(self, task_id: str) -> None:
        """A member is gone."""
        cluster = self._of.pop(task_id, None)
        self._db.execute("DELETE FROM cluster_members WHERE task_id=?", (task_id,))
        if cluster is not None:
            cluster.broken = True
            cluster.changed.beat()

    def restore(self, live: Collection[str]) -> tuple[dict[str, str], list[str]]:
        """After a restart: what each member that follows was given and has not finished, by container;
        and the containers that must end, because a member of their cluster did not survive."""
        given: dict[str, str] = {}
        remains: list[str] = []
        rows = self._db.execute("SELECT * FROM cluster_members ORDER BY cluster_id, rank").fetchall()
        for _, members in groupby(rows, key=itemgetter("cluster_id")):
            cluster, known = None, list(members)
            for row in known:
                cluster = cluster or _of_row(row)
                cluster.task_ids.append(row["task_id"])
                self._know(cluster, row["task_id"])
                if row["here"]:
                    cluster.here.add(row["task_id"])
                if row["given"]:
                    given[row["task_id"]] = row["given"]
            survivors = [row["task_id"] for row in known if row["task_id"] in live]
            if cluster is not None and len(survivors) < cluster.size:
                remains += survivors
            for row in known:
                if row["task_id"] not in live:
                    self.forget(row["task_id"])
        return given, remains

    def _know(self, cluster: Cluster, task_id: str) -> None:
        self._of[task_id] = cluster
        cluster.waiting[task_id] = deque()

    def _note_given(self, task_id: str, input_id: str) -> None:
        self._db.execute("UPDATE cluster_members SET given=? WHERE task_id=?", (input_id, task_id))


def _of_row(row: sqlite3.Row) -> Cluster:
    return Cluster(
        cluster_id=row["cluster_id"], app_id=row["app_id"], size=row["size"], started_at=row["started_at"]
    )
