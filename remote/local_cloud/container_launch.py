"""What a container is started with: its arguments, its environment.

Like in Modal's cloud, a container does not get the environment of whoever started the cloud: a list
says what passes, no token among it. A deployed app brings its own by secrets. What is new to a
container here is ``LOCAL_CLOUD_MOUNTS`` (JSON: mount path → directory, see `mount_paths`),
``LOCAL_CLOUD_FAULTS`` (a private directory, see `faults`) and ``MODAL_LOCAL_START``
(``cold``, ``warm_spare`` or ``template``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modal_proto import api_pb2

from remote.local_cloud import bubblewrap, clusters, processes
from remote.local_cloud.bubblewrap import Mount
from remote.local_cloud.buckets import bucket_directory
from remote.local_cloud.container import TEMPLATE_PROCESS
from remote.local_cloud.ids import new_id
from remote.local_cloud.mount_paths import By
from remote.local_cloud.volumes import clean_path

if TYPE_CHECKING:
    from remote.local_cloud.cloud import Cloud
    from remote.local_cloud.function import Function

ENTRYPOINT = (sys.executable, "-m", "modal._container_entrypoint")
PASSED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "VIRTUAL_ENV"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
        *("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"),
        "TORCH_HOME",
    }
)
PASSED_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "NCCL_")


def arguments(cloud: Cloud, function: Function, task_id: str) -> bytes:
    """Modal's ContainerArguments for one container."""
    layout = cloud.apps.layout(function.app_id)
    known = {item.object_id for item in layout.objects}
    for dependency in function.definition.object_dependencies:
        if dependency.object_id not in known:
            layout.objects.append(cloud.handle_of(dependency.object_id))
    return api_pb2.ContainerArguments(
        task_id=task_id,
        function_id=function.function_id,
        app_id=function.app_id,
        function_def=function.definition,
        serialized_params=function.params,
        environment_name="main",
        checkpoint_id=new_id("ch") if function.definition.is_checkpointing_function else "",
        app_layout=layout,
    ).SerializeToString()


def environment(
    cloud: Cloud, function: Function, task_id: str, directory: Path, mounts: dict[str, Path]
) -> dict[str, str]:
    """The environment of one container, but for what its start is called."""
    sources = cloud.source_mounts.paths(function.definition.mount_ids)
    result = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED or name.startswith(PASSED_PREFIXES)
    }
    result |= {
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(map(str, sources)),
        "TMPDIR": str(directory / "tmp"),
        "MODAL_SERVER_URL": f"unix://{cloud.socket_path(task_id)}",
        "MODAL_CONFIG_PATH": str(cloud.state_dir / "modal.toml"),
        "MODAL_IS_REMOTE": "1",
        "MODAL_TASK_ID": task_id,
        "MODAL_ENVIRONMENT": "main",
        "MODAL_CLOUD_PROVIDER": "local",
        "MODAL_REGION": "local",
        "MODAL_IMAGE_ID": function.definition.image_id,
        "MODAL_CONTAINER_ARGUMENTS_PATH": str(directory / "arguments"),
        "LOCAL_CLOUD_FAULTS": str(directory / "faults"),
    }
    result |= cloud.secrets.values(function.definition.secret_ids)
    if mounts:
        result["LOCAL_CLOUD_MOUNTS"] = json.dumps({path: str(where) for path, where in mounts.items()})
    if function.definition._experimental_group_size:
        result[clusters.ADDRESS] = clusters.address()
    return result


def manner(directory: Path, kind: str, *, park: bool) -> dict[str, str]:
    """Variables that hold a container at its checkpoint call, or that name its start."""
    if not park:
        return {"MODAL_LOCAL_START": "template" if kind == TEMPLATE_PROCESS else kind}
    return {"MODAL_ENABLE_SNAP_RESTORE": "1", "MODAL_RESTORE_STATE_PATH": str(directory / "restore.json")}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a process of a function has before it starts."""

    task_id: str
    kind: str
    park: bool
    directory: Path
    environment: dict[str, str]
    mounts: list[Mount]
    by: By


async def prepare(cloud: Cloud, function: Function, kind: str, *, park: bool = False) -> Prepared:
    """A directory, volumes and an environment for a new process of this kind of start; nothing of it is
    left after an error, as on a full disk."""
    task_id = new_id("ta")
    directory = cloud.containers_dir / task_id
    try:
        return await _prepare(cloud, function, kind, task_id, directory, park=park)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        await cloud.volumes.discard(task_id)
        raise


async def _prepare(
    cloud: Cloud, function: Function, kind: str, task_id: str, directory: Path, *, park: bool
) -> Prepared:
    for name in ("", "work", "faults", "tmp"):
        (directory / name).mkdir(mode=0o700)
    (directory / "arguments").write_bytes(arguments(cloud, function, task_id))
    mounts = await open_mounts(cloud, function, task_id)
    where = {mount.path: mount.directory for mount in mounts}
    variables = environment(cloud, function, task_id, directory, where)
    variables |= manner(directory, kind, park=park)
    by = cloud.mount_paths.method(where, variables)
    return Prepared(task_id, kind, park, directory, variables, mounts, by)


async def open_mounts(cloud: Cloud, function: Function, task_id: str) -> list[Mount]:
    """The directories that a container's volumes and buckets are: fresh working copies, and buckets."""
    definition, mounts = function.definition, []
    copies: dict[str, Path] = {}
    for volume in definition.volume_mounts:
        if volume.volume_id not in copies:
            copies[volume.volume_id] = await cloud.volumes.open_working_copy(task_id, volume.volume_id)
        directory = copies[volume.volume_id]
        if volume.sub_path.strip("/"):
            directory = directory / clean_path(volume.sub_path)
            directory.mkdir(parents=True, exist_ok=True)
        mounts.append(Mount(volume.mount_path, directory, volume.read_only))
    for bucket in definition.cloud_bucket_mounts:
        directory = bucket_directory(cloud.state_dir / "buckets", bucket)
        mounts.append(Mount(bucket.mount_path, directory, bucket.read_only))
    return mounts


def spawn(
    cloud: Cloud, prepared: Prepared, program: Sequence[str] = ENTRYPOINT
) -> tuple[subprocess.Popen[bytes], int]:
    """Modal's entrypoint in a session of its own, its output in files: our child, which may be a
    wrapper that lives as long, and the entrypoint's pid."""
    program = clusters.PROGRAM if clusters.ADDRESS in prepared.environment else program
    prefix = cloud.mount_paths.prepare(prepared.task_id, prepared.mounts, prepared.by)
    if prefix:
        return bubblewrap.start(prefix, program, prepared.environment, prepared.directory)
    child = processes.start(program, prepared.environment, prepared.directory)
    return child, child.pid
