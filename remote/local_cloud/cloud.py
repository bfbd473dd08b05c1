"""The parts of one local cloud, put together.

Everything lives under one private directory; a `Cloud` is that directory in use. It knows the parts
and the order in which they start and end; each part knows its own business.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from pathlib import Path

from modal_proto import api_pb2

from remote.local_cloud import clocks, cluster_control
from remote.local_cloud import clusters as clusters_of
from remote.local_cloud.answers import Answers
from remote.local_cloud.apps import STOPPED, Apps
from remote.local_cloud.blob_server import BlobServer
from remote.local_cloud.blobs import ObjectStore
from remote.local_cloud.calls import APP_STOPPED, Calls, Result
from remote.local_cloud.clusters import Clusters
from remote.local_cloud.containers import Containers
from remote.local_cloud.data_out import DataOut
from remote.local_cloud.dict_store import Dicts
from remote.local_cloud.expiry import Expiry
from remote.local_cloud.fault_plan import FaultPlan
from remote.local_cloud.function import Function
from remote.local_cloud.logs import Logs
from remote.local_cloud.mount_paths import By, MountPaths, ability
from remote.local_cloud.pool import Pool
from remote.local_cloud.queue_store import Queues
from remote.local_cloud.rpc import (
    apps,
    blobs,
    calls,
    clusters,
    containers,
    dicts,
    functions,
    logs,
    queues,
    secrets,
    volumes,
    workspace,
)
from remote.local_cloud.rpc.area import Area
from remote.local_cloud.rpc.servicer import Service
from remote.local_cloud.schedules import Schedules
from remote.local_cloud.secret_store import Secrets
from remote.local_cloud.source_mounts import SourceMounts
from remote.local_cloud.store import Store
from remote.local_cloud.templates import Templates
from remote.local_cloud.time_scale import time_scale
from remote.local_cloud.volumes import Volumes

log = logging.getLogger(__name__)

COLLECT_SECONDS = 60.0
COMMIT_SECONDS = 5.0
AREAS: tuple[type[Area], ...] = (
    workspace.WorkspaceRpc,
    apps.AppRpc,
    functions.FunctionRpc,
    calls.CallRpc,
    containers.ContainerRpc,
    clusters.ClusterRpc,
    logs.LogRpc,
    dicts.DictRpc,
    queues.QueueRpc,
    volumes.VolumeRpc,
    secrets.SecretRpc,
    blobs.BlobRpc,
)
"""All RPCs, by subject."""
END_GRACE = 10.0


class Cloud:
    """One cloud on one directory. ``sockets_dir`` must be short: a unix socket's path is."""

    def __init__(self, state_dir: Path, sockets_dir: Path, token: tuple[str, str]) -> None:
        self.state_dir, self.sockets_dir, self.token = state_dir, sockets_dir, token
        self.containers_dir = state_dir / "containers"
        self.containers_dir.mkdir(mode=0o700, exist_ok=True)
        clocks.go_on_from(state_dir / "clock.json")
        self.store = Store(state_dir / "cloud.db")
        contents = ObjectStore(state_dir / "contents")
        self.contents, self.blobs = contents, ObjectStore(state_dir / "blobs")
        self.blob_server = BlobServer(self.blobs, contents, state_dir)
        self.fault_plan = FaultPlan(self.store, clocks.now)
        self.apps = Apps(self.store)
        self.calls = Calls(self.store)
        self.expiry = Expiry(self.store)
        self.calls.retry_of = lambda function_id: self.apps.function(function_id).retry.scaled(time_scale())
        self.schedules = Schedules(self.store, self.apps, self.calls)
        self.data_out = DataOut()
        self.logs = Logs(self.store)
        self.dicts = Dicts(self.store, clocks.now)
        self.queues = Queues(self.store, clocks.now)
        self.secrets = Secrets(self.store)
        self.volumes = Volumes(self.store, contents, state_dir / "working")
        self.mount_paths = MountPaths(self.store, ability(), (state_dir, sockets_dir))
        self.source_mounts = SourceMounts(state_dir / "mounts", contents)
        self.clusters = Clusters(self.store)
        self.containers = Containers(self, self.store)
        self.templates = Templates(self)
        self.pool = Pool(self)
        self.service = Service([area(self) for area in AREAS], token, Answers(self.store), self.fault_plan)
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take up where the last daemon on this directory stopped."""
        await self.blob_server.start()
        self.containers.adopt_or_forget()
        cluster_control.restore(self)
        for app_id in {container.app_id for container in self.containers.live.values()}:
            if self.apps.get(app_id)["state"] == STOPPED:  # the last daemon died while it stopped this app
                self._stop_containers_of(app_id)
        await self.containers.listen()
        self.volumes.discard_all_but(set(self.containers.live))
        loops = (self.pool.run(), self._collect(), self._commit_in_background(), self._look_at_apps())
        self._loops = [asyncio.create_task(loop) for loop in loops]

    async def _collect(self) -> None:
        """Free the disk of what no volume holds any more, of parts of blobs that were never finished, and
        of dict entries and results whose time is over."""
        while True:
            try:
                self.volumes.collect()
                self.blob_server.forget_parts()
                self.dicts.expire()
                for blobs in self.expiry.look(clocks.now()):
                    for blob in blobs:
                        self.blobs.remove(blob)
                    await asyncio.sleep(0)
            except (OSError, sqlite3.Error):
                log.exception("the disk could not be freed of what is over; trying again")
            await asyncio.sleep(COLLECT_SECONDS)

    async def _commit_in_background(self) -> None:
        """Commit what containers have written every few seconds, as Modal does it, also what is only
        half written."""
        every = float(os.environ.get("LOCAL_CLOUD_COMMIT_SECONDS", COMMIT_SECONDS))
        while every > 0:
            await asyncio.sleep(every)
            for container in list(self.containers.live.values()):
                if not container.is_spare:
                    await self._commit_all(container.task_id)

    async def _commit_all(self, task_id: str) -> None:
        for volume_id in self.volumes.mounted(task_id):
            if task_id not in self.containers.live:
                return  # what it had not committed is lost with it
            try:
                await self.commit(task_id, volume_id, asked=False)
            except (OSError, KeyError, sqlite3.Error):
                if task_id in self.containers.live:
                    log.exception("the background commit of %s failed", volume_id)

    async def commit(self, task_id: str, volume_id: str, *, asked: bool = True) -> None:
        """Publish what a container changed in a volume; that it came forward counts for its input."""
        published = await self.volumes.commit(task_id, volume_id, asked=asked)
        if published.files:
            self.calls.committed(task_id, clocks.now())

    async def _look_at_apps(self) -> None:
        """Call what is scheduled; stop what was run by a client that is gone."""
        while True:
            await asyncio.sleep(1.0)
            try:
                self.schedules.call_due(clocks.wall())
                for app_id in self.apps.abandoned():
                    self.stop_app(app_id)
            except Exception:
                log.exception("a look at the apps failed; trying again")

    def stop_app(self, app_id: str) -> None:
        """Stop an app: its open inputs end as terminated, its containers are interrupted."""
        with self.store.transaction():
            self.apps.stop(app_id)
            own = [i for i in self.calls.open_inputs() if self.apps.function(i.function_id).app_id == app_id]
            self.calls.finish(own, Result(status=Result.GENERIC_STATUS_TERMINATED, exception=APP_STOPPED))
        self._stop_containers_of(app_id)

    def _stop_containers_of(self, app_id: str) -> None:
        for container in list(self.containers.live.values()):
            if container.app_id == app_id:
                container.current.clear()
                self.containers.stop(container, preempted=False)

    async def stop(self) -> None:
        """End every container and then ourselves; inputs that were running are kept for later."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.containers.stop_all(END_GRACE)
        await self.templates.close()
        await self.blob_server.close()
        self.store.close()

    def socket_path(self, task_id: str) -> Path:
        """The socket of one container, the same again after a restart."""
        return self.sockets_dir / f"{task_id[3:11]}.sock"

    def spare_candidates(self) -> list[Function]:
        """Deployed functions that a warm spare is worth having for, newest app first."""
        deployed = [app for app in self.apps.all() if app["state"] == api_pb2.APP_STATE_DEPLOYED]
        functions = [f for app in deployed for f in self.apps.functions_of(app["app_id"])]
        return [
            f
            for f in functions
            if f.definition.is_checkpointing_function
            and not f.definition._experimental_group_size
            and self.mount_paths.method(*self.mount_wishes(f)) is not By.LINK  # it would keep the path
        ]

    def mount_wishes(self, function: Function) -> tuple[list[str], dict[str, str]]:
        """The mount paths of a function and the variables that its secrets set."""
        definition = function.definition
        paths = [mount.mount_path for mount in definition.volume_mounts]
        paths += [mount.mount_path for mount in definition.cloud_bucket_mounts]
        cluster = {clusters_of.ADDRESS: ""} if definition._experimental_group_size else {}
        return paths, self.secrets.values(definition.secret_ids) | cluster

    def handle_of(self, object_id: str) -> api_pb2.Object:
        """What a container needs to know of an object that its function depends on."""
        if object_id.startswith("vo-"):
            name, version, _ = self.volumes.describe(object_id)
            metadata = api_pb2.VolumeMetadata(version=version, name=name or "")  # type: ignore[arg-type]
            return api_pb2.Object(object_id=object_id, volume_metadata=metadata)
        if object_id.startswith("mo-"):
            return api_pb2.Object(object_id=object_id, mount_handle_metadata=api_pb2.MountHandleMetadata())
        return api_pb2.Object(object_id=object_id)
