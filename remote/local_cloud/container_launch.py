"""What a container is started with: its arguments, its environment.

Like in Modal's cloud, a container does not get the environment of whoever started the cloud: a list
says what passes, no token among it. A deployed app brings its own by secrets. What is new to a
container here is ``LOCAL_CLOUD_MOUNTS`` (JSON: mount path → directory, since nothing is mounted),
``LOCAL_CLOUD_FAULTS`` (a private directory, see `faults`) and ``MODAL_LOCAL_START``
(``cold`` or ``warm_spare``).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from modal_proto import api_pb2

from remote.local_cloud.ids import new_id

if TYPE_CHECKING:
    from remote.local_cloud.apps import Function
    from remote.local_cloud.cloud import Cloud

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
    cloud: Cloud, function: Function, task_id: str, directory: Path, mounts: dict[str, Path], *, park: bool
) -> dict[str, str]:
    """The whole environment of one container; ``park`` makes it stop at its checkpoint call."""
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
    if park:
        result["MODAL_ENABLE_SNAP_RESTORE"] = "1"
        result["MODAL_RESTORE_STATE_PATH"] = str(directory / "restore.json")
    else:
        result["MODAL_LOCAL_START"] = "cold"
    return result
