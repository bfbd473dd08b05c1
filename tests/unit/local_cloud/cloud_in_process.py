"""A whole cloud in the test's own process, and containers that are other processes."""

import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from modal_proto import api_pb2

from remote.local_cloud import processes
from remote.local_cloud.cloud import Cloud
from remote.local_cloud.container import Container
from remote.local_cloud.function import Function


def open_cloud(places: Path) -> Cloud:
    return Cloud(places / "state", places / "sockets", ("ak-test", "as-test"))


@contextlib.asynccontextmanager
async def running(places: Path) -> AsyncIterator[Cloud]:
    cloud = open_cloud(places)
    await cloud.start()
    try:
        yield cloud
    finally:
        for container in cloud.containers.live.values():
            cloud.containers.stop(container, grace=0.0)
        await cloud.stop()


def define(cloud: Cloud, name: str, size: int) -> Function:
    app_id = cloud.apps.create(name, api_pb2.APP_STATE_DEPLOYED)
    handle = api_pb2.FunctionHandleMetadata(function_name=name)
    function_id = cloud.apps.reserve_function(app_id, name, "", handle)
    definition = api_pb2.Function(function_name=name, _experimental_group_size=size)
    cloud.apps.define_function(function_id, definition, handle, api_pb2.FunctionData())
    request = api_pb2.AppPublishRequest(app_id=app_id, name=name, app_state=api_pb2.APP_STATE_DEPLOYED)
    request.function_ids[name] = function_id
    cloud.apps.publish(request)
    return cloud.apps.function(function_id)


def container_of(
    cloud: Cloud, function: Function, process: subprocess.Popen[bytes], task_id: str, *, is_ours: bool = False
) -> Container:
    """A process as a container of a function, which this daemon has started itself or taken over."""
    return Container(
        task_id=task_id,
        function_id=function.function_id,
        app_id=function.app_id,
        key=function.key,
        directory=cloud.containers_dir / task_id,
        pid=process.pid,
        pid_mark=processes.start_mark(process.pid) or "",
        child=process if is_ours else None,
        start_kind="cold",
        enqueued_at=0.0,
    )


def record(cloud: Cloud, function: Function, process: subprocess.Popen[bytes], task_id: str) -> None:
    """What a daemon stores of a container that it has started."""
    cloud.containers.rows.insert(container_of(cloud, function, process, task_id))
