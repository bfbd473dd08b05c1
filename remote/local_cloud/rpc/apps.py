"""Deploying, listing and stopping apps."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from remote.local_cloud.apps import LIVE_STATES, STOPPED
from remote.local_cloud.deployments import VersionError
from remote.local_cloud.rpc.area import Area, Peer, not_found


class AppRpc(Area):
    """Apps by id and by deployment name."""

    async def AppCreate(self, request: api_pb2.AppCreateRequest, peer: Peer) -> api_pb2.AppCreateResponse:
        app_id = self.cloud.apps.create(request.description, request.app_state)
        return api_pb2.AppCreateResponse(
            app_id=app_id, app_page_url=f"local:{app_id}", app_logs_url=f"local:{app_id}"
        )

    async def AppGetOrCreate(
        self, request: api_pb2.AppGetOrCreateRequest, peer: Peer
    ) -> api_pb2.AppGetOrCreateResponse:
        if request.app_name.startswith("ap-"):  # the client passes an id off as a name
            self._app(request.app_name)
            return api_pb2.AppGetOrCreateResponse(app_id=request.app_name)
        app = self.cloud.apps.deployed(request.app_name)
        if app is None and request.object_creation_type != api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
            not_found(f"App '{request.app_name}'")
        app_id = app["app_id"] if app else self._create_named(request.app_name)
        return api_pb2.AppGetOrCreateResponse(app_id=app_id)

    def _create_named(self, name: str) -> str:
        app_id = self.cloud.apps.create(name, api_pb2.APP_STATE_DEPLOYED)
        state = api_pb2.APP_STATE_DEPLOYED
        self.cloud.apps.publish(api_pb2.AppPublishRequest(app_id=app_id, name=name, app_state=state))
        return app_id

    async def AppGetByDeploymentName(
        self, request: api_pb2.AppGetByDeploymentNameRequest, peer: Peer
    ) -> api_pb2.AppGetByDeploymentNameResponse:
        app = self.cloud.apps.deployed(request.name)
        if app is None:
            return api_pb2.AppGetByDeploymentNameResponse()
        return api_pb2.AppGetByDeploymentNameResponse(
            app_id=app["app_id"], environment_name="main", lifecycle=_lifecycle(app)
        )

    async def AppGetLayout(
        self, request: api_pb2.AppGetLayoutRequest, peer: Peer
    ) -> api_pb2.AppGetLayoutResponse:
        self._app(request.app_id)
        return api_pb2.AppGetLayoutResponse(app_layout=self.cloud.apps.layout(request.app_id))

    async def AppGetLifecycle(
        self, request: api_pb2.AppGetLifecycleRequest, peer: Peer
    ) -> api_pb2.AppGetLifecycleResponse:
        return api_pb2.AppGetLifecycleResponse(lifecycle=_lifecycle(self._app(request.app_id)))

    async def AppHeartbeat(self, request: api_pb2.AppHeartbeatRequest, peer: Peer) -> Empty:
        self.cloud.apps.note_heartbeat(request.app_id)
        return Empty()

    async def AppClientDisconnect(self, request: api_pb2.AppClientDisconnectRequest, peer: Peer) -> Empty:
        if self._app(request.app_id)["state"] == api_pb2.APP_STATE_EPHEMERAL:
            self.cloud.stop_app(request.app_id)
        return Empty()

    async def AppPublish(self, request: api_pb2.AppPublishRequest, peer: Peer) -> api_pb2.AppPublishResponse:
        deployed_at = self.cloud.apps.publish(request)
        self.cloud.calls.changed.beat()
        return api_pb2.AppPublishResponse(url=f"local:{request.app_id}", deployed_at=deployed_at)

    async def AppDeploymentHistory(
        self, request: api_pb2.AppDeploymentHistoryRequest, peer: Peer
    ) -> api_pb2.AppDeploymentHistoryResponse:
        rows = self.cloud.apps.deployments.history(request.app_id)
        return api_pb2.AppDeploymentHistoryResponse(
            app_deployment_histories=[_deployment(row) for row in rows],
            production_app_version=rows[0]["version"] if rows else 0,
        )

    async def AppRollback(
        self, request: api_pb2.AppRollbackRequest, peer: Peer
    ) -> api_pb2.AppRollbackResponse:
        version = request.version if request.version >= 0 else None
        deployed_at = self._again(request.app_id, lambda: self.cloud.apps.roll_back(request.app_id, version))
        return api_pb2.AppRollbackResponse(url=f"local:{request.app_id}", deployed_at=deployed_at)

    async def AppRollover(
        self, request: api_pb2.AppRolloverRequest, peer: Peer
    ) -> api_pb2.AppRolloverResponse:
        deployed_at = self._again(request.app_id, lambda: self.cloud.apps.roll_over(request.app_id))
        return api_pb2.AppRolloverResponse(url=f"local:{request.app_id}", deployed_at=deployed_at)

    def _again(self, app_id: str, deploy: Callable[[], float]) -> float:
        """Deploy what was deployed before; when it happened."""
        if self._app(app_id)["state"] != api_pb2.APP_STATE_DEPLOYED:
            raise GRPCError(Status.FAILED_PRECONDITION, f"App '{app_id}' is not deployed")
        try:
            deployed_at = deploy()
        except VersionError as error:
            raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from error
        self.cloud.calls.changed.beat()
        return deployed_at

    async def AppList(self, request: api_pb2.AppListRequest, peer: Peer) -> api_pb2.AppListResponse:
        running = [
            container.app_id for container in self.cloud.containers.live.values() if not container.parked
        ]
        return api_pb2.AppListResponse(
            apps=[
                api_pb2.AppListResponse.AppListItem(
                    app_id=app["app_id"],
                    name=app["name"] or "",
                    description=app["name"] or app["description"],
                    state=app["state"],
                    created_at=app["created_at"],
                    stopped_at=app["stopped_at"] or 0.0,
                    n_running_tasks=running.count(app["app_id"]),
                )
                for app in self.cloud.apps.all()
            ]
        )

    async def AppStop(self, request: api_pb2.AppStopRequest, peer: Peer) -> Empty:
        self._app(request.app_id)
        self.cloud.stop_app(request.app_id)
        return Empty()

    def _app(self, app_id: str) -> sqlite3.Row:
        try:
            return self.cloud.apps.get(app_id)
        except KeyError:
            not_found(f"App '{app_id}'")


def _deployment(row: sqlite3.Row) -> api_pb2.AppDeploymentHistory:
    """One line of the history. One that rolled back tells of the code that it brought back."""
    request = api_pb2.AppPublishRequest.FromString(row["request"] or b"")
    return api_pb2.AppDeploymentHistory(
        app_id=row["app_id"],
        version=row["version"],
        client_version=row["client_version"] or "",
        deployed_at=row["at"],
        deployed_by="local",
        tag=request.deployment_tag,
        commit_info=request.commit_info if request.HasField("commit_info") else None,
        rollback_version=request.rollback_version,
        rollback_allowed=row["request"] is not None,
    )


def _lifecycle(app: sqlite3.Row) -> api_pb2.AppLifecycle:
    return api_pb2.AppLifecycle(
        app_state=app["state"] if app["state"] in (*LIVE_STATES, STOPPED) else api_pb2.APP_STATE_INITIALIZING,
        created_at=app["created_at"],
        created_by="local",
        deployed_at=app["deployed_at"] or 0.0,
        deployed_by="local",
        version=app["version"],
        stopped_at=app["stopped_at"] or 0.0,
    )
