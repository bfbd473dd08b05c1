"""The end of a container is seen, and what should come of it does not: the daemon dies in between, cannot
write, or hears the dead. No input may stay with a container that is no more."""

import asyncio
import contextlib
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from cloud_in_process import container_of, define, open_cloud, record, running
from modal_proto import api_pb2

from remote.local_cloud import container_launch
from remote.local_cloud.blob_server import BlobServer
from remote.local_cloud.blobs import ObjectStore
from remote.local_cloud.calls import CANCELLED, Result
from remote.local_cloud.cloud import Cloud
from remote.local_cloud.container import Container
from remote.local_cloud.function import Function
from remote.local_cloud.pool import FAILED_STARTS_ALLOWED
from remote.local_cloud.pulse import Pulse
from remote.local_cloud.rpc.area import Peer
from remote.local_cloud.rpc.calls import CallRpc
from remote.local_cloud.scheduler import Gone, InputStatus

TASK = "ta-000000000001"


def call(cloud: Cloud, function: Function) -> str:
    """A call of one input; its id."""
    call_id = cloud.calls.create(function.function_id, function.app_id, api_pb2.FunctionMapRequest())
    cloud.calls.put(call_id, [api_pb2.FunctionPutInputsItem(idx=0)])
    return call_id


def standing(cloud: Cloud, call_id: str) -> tuple[InputStatus, str | None]:
    state = cloud.calls.inputs_of(call_id)[0].state
    return state.status, state.task_id


def a_container(cloud: Cloud, function: Function, process: subprocess.Popen[bytes]) -> Container:
    (cloud.containers_dir / TASK / "faults").mkdir(parents=True)
    return container_of(cloud, function, process, TASK, is_ours=True)


@contextlib.contextmanager
def sleeper(cwd: Path | None = None):
    process = subprocess.Popen(["sleep", "60"], start_new_session=True, cwd=cwd)
    yield process
    process.kill()
    process.wait()


async def until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


async def test_who_is_cancelled_while_the_beat_comes_is_cancelled():
    """Else the request of a container that has just died would go on and take inputs."""
    pulse = Pulse()
    waiting = asyncio.create_task(pulse.wait(10.0))
    await asyncio.sleep(0)
    pulse.beat()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_daemon_killed_between_the_end_of_a_container_and_its_input_loses_no_input(places):
    cloud = open_cloud(places)
    function = define(cloud, "f", 0)
    call_id = call(cloud, function)
    with sleeper() as process:
        record(cloud, function, process, TASK)
        assert cloud.calls.take(function.function_id, TASK, time.time()) is not None
    cloud.containers.rows.finished(TASK, "exit 9")
    cloud.store.close()
    async with running(places) as after:
        await until(lambda: standing(after, call_id)[1] != TASK)


async def test_an_input_is_given_back_also_when_its_containers_end_cannot_be_written_down(
    places, monkeypatch
):
    cloud = open_cloud(places)
    function = define(cloud, "f", 0)
    call_id = call(cloud, function)
    with sleeper() as process:
        container = a_container(cloud, function, process)
        cloud.containers.rows.insert(container)
        cloud.containers._follow(container)
        cloud.containers._watch(container)
        assert cloud.calls.take(function.function_id, TASK, time.time()) is not None

        def full(*_):
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as disk:
            disk.setattr(cloud.logs, "add", full)
            disk.setattr(cloud.calls, "container_gone", full)
            (container.directory / "stdout").write_text("no space left\n")
            process.kill()
            await until(lambda: TASK not in cloud.containers.live)
        assert standing(cloud, call_id) == (InputStatus.RUNNING, TASK)
        cloud.pool._give_back_lost(cloud.calls.running(), time.time())
        assert standing(cloud, call_id)[1] is None
    cloud.store.close()


async def test_containers_that_were_ready_and_never_needed_are_no_failed_starts(places):
    cloud = open_cloud(places)
    function = define(cloud, "f", 0)
    for is_ready, expected in ((True, InputStatus.PENDING), (False, InputStatus.DONE)):
        call_id = call(cloud, function)
        with sleeper() as process:
            for _ in range(FAILED_STARTS_ALLOWED):
                container = a_container(cloud, function, process)
                container.ready = is_ready
                cloud.pool._container_gone(container, Gone.CRASHED)
                (container.directory / "faults").rmdir()
                container.directory.rmdir()
        assert standing(cloud, call_id)[0] is expected
    cloud.store.close()


async def test_a_start_that_fails_leaves_nothing_behind(places, monkeypatch):
    cloud = open_cloud(places)
    function = define(cloud, "f", 0)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(container_launch, "environment", full)
    with pytest.raises(OSError, match="no space"):
        await cloud.containers.start(function)
    assert list(cloud.containers_dir.iterdir()) == []
    cloud.store.close()


async def test_children_in_sessions_of_their_own_end_with_their_container(places):
    cloud = open_cloud(places)
    function = define(cloud, "f", 0)
    work = cloud.containers_dir / TASK / "work"
    with sleeper() as process:
        container = a_container(cloud, function, process)
        work.mkdir()
        with sleeper(cwd=work) as child:
            process.kill()
            await cloud.containers.ended(container)
            await until(lambda: child.poll() is not None)
    cloud.store.close()


async def test_an_app_whose_stop_the_daemon_did_not_survive_has_no_container_afterwards(places):
    cloud = open_cloud(places)
    function = define(cloud, "f", 0)
    with sleeper() as process:
        record(cloud, function, process, TASK)
        cloud.apps.stop(function.app_id)
        cloud.store.close()
        async with running(places):
            await until(lambda: process.poll() is not None)


@pytest.mark.parametrize("end", ["cancel", "stop"])
async def test_an_input_that_comes_to_a_call_that_is_over_ends_at_once(places, end):
    cloud = open_cloud(places)
    function = define(cloud, "f", 0)
    call_id = call(cloud, function)
    if end == "cancel":
        request = api_pb2.FunctionCallCancelRequest(function_call_id=call_id)
        await CallRpc(cloud).FunctionCallCancel(request, Peer())
    else:
        cloud.stop_app(function.app_id)
    late = api_pb2.FunctionPutInputsRequest(function_call_id=call_id)
    late.inputs.append(api_pb2.FunctionPutInputsItem(idx=1))
    await CallRpc(cloud).FunctionPutInputs(late, Peer())
    assert cloud.calls.unfinished(call_id) == 0
    outputs = cloud.calls.outputs.by_index(call_id, 1, 1, 1)
    words = CANCELLED if end == "cancel" else "the app was stopped"
    assert (outputs[0].result.status, outputs[0].result.exception) == (
        Result.GENERIC_STATUS_TERMINATED,
        words,
    )
    cloud.store.close()


@pytest.mark.parametrize("content", ["", "no number"])
async def test_a_port_that_was_half_written_does_not_keep_the_daemon_from_starting(tmp_path, content):
    (tmp_path / "blob.port").write_text(content)
    (tmp_path / "blob.key").write_bytes(b"")
    objects = ObjectStore(tmp_path / "objects")
    server = BlobServer(objects, objects, tmp_path)
    await server.start()
    await server.close()
    assert (tmp_path / "blob.port").read_text().isdigit()
    assert len((tmp_path / "blob.key").read_bytes()) == 32
