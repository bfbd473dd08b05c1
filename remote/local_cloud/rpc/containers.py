"""What a container says and asks, and stopping one from outside."""

from __future__ import annotations

import time

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from remote.local_cloud import clocks, cluster_control
from remote.local_cloud.calls import CANCELLED, Input, Result
from remote.local_cloud.container import Container
from remote.local_cloud.rpc.area import Area, Peer, not_found

HEARTBEAT_POLL = 10.0
INPUT_POLL = 30.0


class ContainerRpc(Area):
    """RPCs of the container entrypoint; the socket tells which container calls."""

    async def ContainerHello(self, request: Empty, peer: Peer) -> Empty:
        if container := self.cloud.containers.live.get(peer.task_id or ""):
            container.note("hello")
        return Empty()

    async def ContainerHeartbeat(
        self, request: api_pb2.ContainerHeartbeatRequest, peer: Peer
    ) -> api_pb2.ContainerHeartbeatResponse:
        container = self._own(peer)
        if not container.cancelled:
            await container.wake.wait(HEARTBEAT_POLL)
        if not container.cancelled:
            return api_pb2.ContainerHeartbeatResponse()
        cancelled, container.cancelled = container.cancelled, []
        event = api_pb2.CancelInputEvent(input_ids=cancelled)
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=event)

    async def FunctionGetInputs(
        self, request: api_pb2.FunctionGetInputsRequest, peer: Peer
    ) -> api_pb2.FunctionGetInputsResponse:
        container = self._own(peer)
        container.read_output()  # what it printed before belongs to what it had before
        container.note("ready")
        if not container.ready:
            container.ready, container.idle_since = True, clocks.now()
        if len(container.current) >= container.slots:
            container.doubtful += container.current  # it asks, so an answer of ours was lost
        while container.doubtful:
            input_id = container.doubtful.pop()
            held = self.cloud.calls.input(input_id)
            holder = self.cloud.clusters.leader_of(container.task_id)
            if held.state.task_id == holder and input_id in container.current:
                return self._hand_over(container, [held])  # the client passes over what it has already
            container.current.pop(input_id, None)
        self.cloud.calls.changed.beat()  # a container is free: the pool counts again
        while True:
            if container.task_id not in self.cloud.containers.live:
                raise GRPCError(Status.CANCELLED, "the container has ended")
            if self._is_over(container):
                kill = api_pb2.FunctionGetInputsItem(kill_switch=True)
                return api_pb2.FunctionGetInputsResponse(inputs=[kill])
            if taken := self._take(container, request.batch_max_size or 1):
                await self._fill_batch(container, taken, request)
                return self._hand_over(container, taken)
            due = self.cloud.calls.next_due() or float("inf")
            await self.cloud.calls.changed.wait(min(INPUT_POLL, max(0.01, due - clocks.now())))

    def _take(self, container: Container, most: int) -> list[Input]:
        """Give up to so many inputs to a container; what it holds is known at once."""
        taken: list[Input] = []
        while len(taken) < most:
            found = self._next(container)
            if found is None:
                break
            container.current[found.input_id] = found.call_id
            taken.append(found)
        return taken

    def _next(self, container: Container) -> Input | None:
        """The next input for a container; in a cluster the leader's is everybody's."""
        if self.cloud.clusters.follows(container.task_id):
            return self.cloud.clusters.next_for(container.task_id)
        found = self.cloud.calls.take(container.function_id, container.task_id, clocks.now())
        if found is not None:
            self.cloud.clusters.broadcast(container.task_id, found)
            self.cloud.calls.changed.beat()
        return found

    def _is_over(self, container: Container) -> bool:
        """Whether a container shall ask for no more inputs."""
        if self.cloud.clusters.follows(container.task_id):
            return container.stopping or cluster_control.leaves_with_leader(self.cloud, container)
        return container.draining or container.stopping or self._is_outdated(container)

    async def _fill_batch(
        self, container: Container, taken: list[Input], request: api_pb2.FunctionGetInputsRequest
    ) -> None:
        """Wait a moment for a batch to become full."""
        deadline = time.monotonic() + request.batch_linger_ms / 1000
        while len(taken) < request.batch_max_size and (left := deadline - time.monotonic()) > 0:
            await self.cloud.calls.changed.wait(left)
            taken += self._take(container, request.batch_max_size - len(taken))

    def _is_outdated(self, container: Container) -> bool:
        """Whether a redeploy has replaced the code that this container runs."""
        outdated = self.cloud.apps.function(container.function_id).key != container.key
        container.draining = container.draining or outdated
        return outdated

    def _hand_over(self, container: Container, taken: list[Input]) -> api_pb2.FunctionGetInputsResponse:
        self.cloud.containers.mark_started(container)
        container.draining = container.draining or container.single_use
        items = [
            api_pb2.FunctionGetInputsItem(
                input_id=item.input_id,
                input=api_pb2.FunctionInput.FromString(item.payload),
                function_call_id=item.call_id,
                function_call_invocation_type=item.invocation,  # type: ignore[arg-type]
                retry_count=item.state.retry_count,
                function_map_idx=item.idx,
                attempt_token=f"{item.input_id}:{item.state.retry_count}",
            )
            for item in taken
        ]
        return api_pb2.FunctionGetInputsResponse(inputs=items)

    async def FunctionGetDynamicConcurrency(
        self, request: api_pb2.FunctionGetDynamicConcurrencyRequest, peer: Peer
    ) -> api_pb2.FunctionGetDynamicConcurrencyResponse:
        """Up to the target as a rule, up to the most while inputs wait for a slot."""
        waiting = self.cloud.calls.waiting(clocks.now())[self._own(peer).function_id]
        concurrency = request.max_concurrency if waiting else request.target_concurrency
        return api_pb2.FunctionGetDynamicConcurrencyResponse(concurrency=concurrency)

    async def FunctionPutOutputs(self, request: api_pb2.FunctionPutOutputsRequest, peer: Peer) -> Empty:
        container = self._own(peer)
        container.read_output()  # while it is known whose it is
        for item in request.outputs:
            if item.result.status == Result.GENERIC_STATUS_TERMINATED and not item.result.exception:
                item.result.exception = CANCELLED
            self.cloud.calls.put_output(container.task_id, item, clocks.now())
            container.current.pop(item.input_id, None)
            self.cloud.clusters.done(container.task_id)
        container.idle_since = clocks.now()
        return Empty()

    async def TaskResult(self, request: api_pb2.TaskResultRequest, peer: Peer) -> Empty:
        self.cloud.pool.failed_to_start(self._own(peer), request.result)
        return Empty()

    async def ContainerCheckpoint(self, request: api_pb2.ContainerCheckpointRequest, peer: Peer) -> Empty:
        container = self._own(peer)
        container.parked = True
        self.cloud.calls.changed.beat()
        return Empty()

    async def ContainerStop(
        self, request: api_pb2.ContainerStopRequest, peer: Peer
    ) -> api_pb2.ContainerStopResponse:
        container = self.cloud.containers.live.get(request.task_id)
        if container is None:
            not_found(f"Container '{request.task_id}'")
        if request.graceful:
            leader = self.cloud.containers.live.get(self.cloud.clusters.leader_of(request.task_id))
            container.draining = True
            if leader is not None:
                leader.draining = True
            self.cloud.calls.changed.beat()
        else:
            self.cloud.containers.stop(container)
        return api_pb2.ContainerStopResponse()

    async def TaskList(self, request: api_pb2.TaskListRequest, peer: Peer) -> api_pb2.TaskListResponse:
        live = [
            c
            for c in self.cloud.containers.live.values()
            if request.app_id in ("", c.app_id) and not c.parked
        ]
        return api_pb2.TaskListResponse(
            tasks=[
                api_pb2.TaskStats(
                    task_id=container.task_id,
                    app_id=container.app_id,
                    app_description=self.cloud.apps.get(container.app_id)["name"] or "",
                    started_at=clocks.shown(container.started_at or 0.0),
                    enqueued_at=clocks.shown(container.enqueued_at),
                )
                for container in live
            ]
        )

    async def TaskGetInfo(
        self, request: api_pb2.TaskGetInfoRequest, peer: Peer
    ) -> api_pb2.TaskGetInfoResponse:
        row = self.cloud.containers.rows.get(request.task_id)
        if row is None:
            not_found(f"Container '{request.task_id}'")
        info = api_pb2.TaskInfo(
            id=row["task_id"],
            enqueued_at=clocks.shown(row["enqueued_at"]),
            started_at=clocks.shown(row["started_at"] or 0.0),
            finished_at=clocks.shown(row["finished_at"] or 0.0),
        )
        return api_pb2.TaskGetInfoResponse(app_id=row["app_id"], info=info)

    def _own(self, peer: Peer) -> Container:
        container = self.cloud.containers.live.get(peer.task_id or "")
        if container is None:
            raise GRPCError(Status.PERMISSION_DENIED, "only a live container may ask this")
        return container
