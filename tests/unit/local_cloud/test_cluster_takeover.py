"""A cluster's members when a daemon takes over, or when one of them ends while the others are started."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_in_process import define, open_cloud, record, running
from grpclib.client import Channel
from modal_proto import api_grpc, api_pb2

from remote.local_cloud import cluster_control
from remote.local_cloud.cloud import Cloud
from remote.local_cloud.clusters import Cluster
from remote.local_cloud.container import Container
from remote.local_cloud.function import Function

SIZE = 3
STRANGERS = 30
"""Containers of other functions, adopted after the cluster: time for a member to ask too early."""


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that do nothing, in place of containers."""
    started = [subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(SIZE + 1)]
    yield started
    for process in started:
        process.kill()
        process.wait()


def task_ids(prefix: str, count: int) -> list[str]:
    return [f"ta-{prefix}{number:05d}" for number in range(count)]


async def ask_for_inputs(socket: Path, function_id: str) -> None:
    """Ask as a container does whose daemon was killed: as soon as there is a socket again."""
    while not os.path.exists(socket):  # noqa: ASYNC240
        await asyncio.sleep(0)
    with contextlib.closing(Channel(path=str(socket))) as channel:
        request = api_pb2.FunctionGetInputsRequest(function_id=function_id)
        await api_grpc.ModalClientStub(channel).FunctionGetInputs(request, timeout=30)


async def test_a_member_that_asks_while_the_next_daemon_takes_over_takes_nothing_for_itself(places, sleepers):
    cloud = open_cloud(places)
    clustered, other = define(cloud, "clustered", SIZE), define(cloud, "other", 0)
    members = task_ids("mem", SIZE)
    cluster = cloud.clusters.begin(clustered.app_id, SIZE)
    for task_id, process in zip(members, sleepers[:SIZE], strict=True):
        record(cloud, clustered, process, task_id)
        cloud.clusters.join(cluster, task_id)
        cloud.clusters.arrive(task_id)
    for task_id in task_ids("oth", STRANGERS):
        record(cloud, other, sleepers[-1], task_id)
    call_id = cloud.calls.create(clustered.function_id, clustered.app_id, api_pb2.FunctionMapRequest())
    cloud.calls.put(call_id, [api_pb2.FunctionPutInputsItem(idx=0)])
    cloud.store.close()
    asks = [
        asyncio.create_task(ask_for_inputs(cloud.socket_path(task_id), clustered.function_id))
        for task_id in members[1:]
    ]
    async with running(places) as after:
        await asyncio.sleep(0.2)  # a wrong taker takes at once
        held = after.calls.inputs_of(call_id)[0]
        assert held.state.task_id is None
        assert [after.clusters.leader_of(task_id) for task_id in members] == [members[0]] * SIZE
        for ask in asks:
            assert not ask.done()
            ask.cancel()
        await asyncio.gather(*asks, return_exceptions=True)


async def test_a_container_that_was_recorded_and_not_yet_in_its_cluster_is_ended(places, sleepers):
    """Its daemon was killed between the two."""
    cloud = open_cloud(places)
    clustered, other = define(cloud, "clustered", SIZE), define(cloud, "other", 0)
    record(cloud, clustered, sleepers[0], "ta-orphan")
    record(cloud, other, sleepers[1], "ta-other")
    cloud.store.close()
    async with running(places) as after:
        orphan, stranger = after.containers.live["ta-orphan"], after.containers.live["ta-other"]
        assert (orphan.stopping, stranger.stopping) == (True, False)


async def test_a_member_that_ends_before_the_others_are_started_takes_them_with_it(
    places, sleepers, monkeypatch
):
    async with running(places) as cloud:
        function, started = define(cloud, "clustered", SIZE), list[Container]()

        async def start(function: Function, *, park: bool) -> Container:
            """The first member is gone by the time that the second is there."""
            task_id = task_ids("slow", SIZE)[len(started)]
            record(cloud, function, sleepers[len(started)], task_id)
            (cloud.containers_dir / task_id).mkdir(exist_ok=True)
            row = cloud.containers.rows.get(task_id)
            assert row is not None
            container = cloud.containers._adopt(row)
            assert container is not None
            container.ready = False
            if len(started) == 1:
                os.killpg(started[0].pid, 9)
                sleepers[0].wait()
                while started[0].task_id in cloud.containers.live:
                    await asyncio.sleep(0.01)
            started.append(container)
            cloud.containers._follow(container)
            cloud.containers._watch(container)
            return container

        monkeypatch.setattr(cloud.containers, "start", start)
        await cluster_control.start(cloud, function, SIZE)
        assert len(started) == 2
        assert started[1].stopping
        assert not started[1].preempted
        await _until_gone(cloud, started[1])
        assert cloud.clusters.all() == []
        assert cloud.pool._failed[function.key] == 1


async def _until_gone(cloud: Cloud, container: Container) -> None:
    while container.task_id in cloud.containers.live:
        await asyncio.sleep(0.01)


def test_a_cluster_of_which_nobody_is_left_is_forgotten(places):
    cloud = open_cloud(places)
    cluster: Cluster = cloud.clusters.begin("ap-1", 2)
    for task_id in ("ta-1", "ta-2"):
        cloud.clusters.join(cluster, task_id)
        cloud.clusters.forget(task_id)
    assert cluster.broken
    assert cloud.clusters.all() == []
    cloud.store.close()
