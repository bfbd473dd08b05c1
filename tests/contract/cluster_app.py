"""Ranks that meet over plain sockets, as torch.distributed does, and fail in every way."""

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import modal

app = modal.App("cluster")
notes = modal.Dict.from_name("cluster", create_if_missing=True)
PORT = 29511
if not modal.is_local():
    flag = Path(os.environ["LOCAL_CLOUD_FAULTS"]).parents[3] / "flags" / "die-at-import"
    with contextlib.suppress(FileNotFoundError):
        flag.rename(flag.with_suffix(".taken"))  # for one rank alone
        os._exit(1)


def add_up(number: int) -> int:
    """The sum of the ranks' numbers, known to all of them: rank 0 gathers and tells."""
    cluster = modal.experimental.get_cluster_info()
    leader, others = (cluster.container_ips[0], PORT), len(cluster.container_ips) - 1
    if cluster.rank == 0:
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(socket.create_server(leader, family=socket.AF_INET6))
            connections = [stack.enter_context(server.accept()[0]) for _ in range(others)]
            total = number + sum(int(connection.recv(20)) for connection in connections)
            for connection in connections:
                connection.sendall(str(total).encode())
            return total
    deadline = time.monotonic() + 20
    while True:
        try:
            connection = socket.create_connection(leader)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    with connection:
        connection.sendall(str(number).encode())
        return int(connection.recv(20))


def note_start(name: str) -> int:
    """This rank, with its container in the notes."""
    rank = modal.Cluster.from_context().container_rank()
    starts = notes.get(f"{name}/{rank}", [])
    notes[f"{name}/{rank}"] = [*starts, [os.environ["MODAL_TASK_ID"], os.getpid()]]
    return int(rank)


@app.function(gpu="H100:8")
@modal.clustered(size=3)
def meet(name: str, number: int) -> list:
    rank = note_start(name)
    cluster, info = modal.Cluster.from_context(), modal.experimental.get_cluster_info()
    own = [info.rank, info.cluster_id, info.container_ips, info.container_ipv4_ips]
    notes[f"{name}/info/{rank}"] = [*own, cluster.container_ids(), add_up(number * 10**rank)]
    return [rank, notes[f"{name}/info/{rank}"][-1]]


@app.function(gpu="H100:8")
@modal.clustered(size=3)
def fails_never(name: str, number: int) -> list:
    rank = note_start(name)
    return [rank, add_up(number * 10**rank)]


@app.function(gpu="H100:8", retries=modal.Retries(max_retries=2, initial_delay=0.0))
@modal.clustered(size=3)
def hold(name: str, killer: int) -> list:
    """The first cluster waits to be ended, or one rank ends itself; a second one adds up."""
    rank = note_start(name)
    if len(notes[f"{name}/{rank}"]) == 1:
        if rank == killer:
            while not all(notes.get(f"{name}/{other}") for other in range(3)):
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            while True:
                time.sleep(0.02)
        except KeyboardInterrupt:
            notes[f"{name}/interrupted/{rank}"] = True
            raise
    return [rank, add_up(1)]


@app.function(gpu="H100:8", single_use_containers=True)
@modal.clustered(size=2)
def fails_in_rank_0(name: str) -> None:
    if note_start(name) == 0:
        raise ValueError("rank 0 fails")


@app.function(gpu="H100:8", startup_timeout=60)
@modal.clustered(size=2)
def slow_follower(name: str) -> str:
    if note_start(name) == 1:
        while not notes.get(f"{name}/go"):
            time.sleep(0.02)
        notes[f"{name}/finished"] = True
    return name


@app.cls(gpu="H100:8")
@modal.clustered(size=2)
class Pair:
    @modal.enter()
    def enter(self) -> None:
        self.rank = modal.experimental.get_cluster_info().rank

    @modal.method()
    def both(self, number: int) -> list:
        return [self.rank, add_up(number)]
