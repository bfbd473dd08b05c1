"""Calling functions: inputs in, outputs out, cancelling, and what became of a call."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from remote.local_cloud import cluster_control
from remote.local_cloud.apps import STOPPED
from remote.local_cloud.call_graph import graph_of
from remote.local_cloud.calls import APP_STOPPED, CANCELLED, FAILURES, Input, Result
from remote.local_cloud.input_tokens import input_of_token
from remote.local_cloud.rpc.area import Area, Peer, invalid, not_found
from remote.local_cloud.scheduler import InputStatus

MAX_INPUTS_OUTSTANDING = 1000
SYNC = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC


class CallRpc(Area):
    """Function calls, from the side of whoever made them."""

    async def FunctionMap(
        self, request: api_pb2.FunctionMapRequest, peer: Peer
    ) -> api_pb2.FunctionMapResponse:
        try:
            function = self.cloud.apps.function(request.function_id)
        except KeyError:
            not_found(f"Function '{request.function_id}'")
        if self.cloud.apps.get(function.app_id)["state"] == STOPPED:
            raise GRPCError(Status.FAILED_PRECONDITION, "the app of this function is stopped")
        call_id = self.cloud.calls.create(request.function_id, function.app_id, request)
        return api_pb2.FunctionMapResponse(
            function_call_id=call_id,
            pipelined_inputs=self.cloud.calls.put(call_id, request.pipelined_inputs),
            retry_policy=function.definition.retry_policy,
            function_call_jwt=call_id,
            sync_client_retries_enabled=request.function_call_invocation_type == SYNC,
            max_inputs_outstanding=MAX_INPUTS_OUTSTANDING,
        )

    async def FunctionPutInputs(
        self, request: api_pb2.FunctionPutInputsRequest, peer: Peer
    ) -> api_pb2.FunctionPutInputsResponse:
        call = self._call(request.function_call_id)
        accepted = self.cloud.calls.put(request.function_call_id, request.inputs)
        self._end_what_is_late(call)
        return api_pb2.FunctionPutInputsResponse(inputs=accepted)

    async def FunctionRetryInputs(
        self, request: api_pb2.FunctionRetryInputsRequest, peer: Peer
    ) -> api_pb2.FunctionRetryInputsResponse:
        """A further try of inputs of a call that the client waits for; tokens are ids here."""
        call = self._call(request.function_call_jwt)
        try:
            wanted = [(input_of_token(item.input_jwt), item.retry_count) for item in request.inputs]
        except ValueError as error:
            invalid(str(error))
        self.cloud.calls.retry(wanted)
        self._end_what_is_late(call)
        return api_pb2.FunctionRetryInputsResponse(input_jwts=[item.input_jwt for item in request.inputs])

    def _end_what_is_late(self, call: sqlite3.Row) -> None:
        """What comes to a call that was cancelled, or to one whose app was stopped, ends at once."""
        if call["cancelled_at"] is not None:
            self._finish_waiting(self.cloud.calls.inputs_of(call["call_id"]), CANCELLED)
        elif self.cloud.apps.get(call["app_id"])["state"] == STOPPED:
            self._finish_waiting(self.cloud.calls.inputs_of(call["call_id"]), APP_STOPPED)

    def _finish_waiting(self, inputs: list[Input], why: str) -> None:
        """End those that no container has."""
        waiting = [i for i in inputs if i.state.status in (InputStatus.PENDING, InputStatus.DELAYED)]
        self.cloud.calls.finish(waiting, Result(status=Result.GENERIC_STATUS_TERMINATED, exception=why))

    async def FunctionFinishInputs(self, request: api_pb2.FunctionFinishInputsRequest, peer: Peer) -> Empty:
        return Empty()

    async def FunctionGetOutputs(
        self, request: api_pb2.FunctionGetOutputsRequest, peer: Peer
    ) -> api_pb2.FunctionGetOutputsResponse:
        self._call(request.function_call_id)
        deadline = time.monotonic() + min(request.timeout, 55.0)
        while True:
            items, last = self._outputs(request)
            left = deadline - time.monotonic()
            if items or left <= 0:
                return api_pb2.FunctionGetOutputsResponse(
                    idxs=[item.idx for item in items],
                    outputs=items,
                    last_entry_id=last,
                    num_unfinished_inputs=self.cloud.calls.unfinished(request.function_call_id),
                )
            await self.cloud.calls.changed.wait(left)

    def _outputs(
        self, request: api_pb2.FunctionGetOutputsRequest
    ) -> tuple[list[api_pb2.FunctionGetOutputsItem], str]:
        call_id, limit = request.function_call_id, request.max_values or 100
        if request.HasField("start_idx") or request.HasField("end_idx"):
            end = request.end_idx if request.HasField("end_idx") else None
            return self.cloud.calls.outputs.by_index(call_id, request.start_idx, end, limit), "0-0"
        entry = int(request.last_entry_id.partition("-")[0] or 0)
        items, newest = self.cloud.calls.outputs.after(call_id, entry, limit)
        return items, f"{newest}-0"

    async def FunctionCallFromId(
        self, request: api_pb2.FunctionCallFromIdRequest, peer: Peer
    ) -> api_pb2.FunctionCallFromIdResponse:
        call = self._call(request.function_call_id)
        return api_pb2.FunctionCallFromIdResponse(
            function_call_id=request.function_call_id,
            num_inputs=self.cloud.calls.total(request.function_call_id),
            metadata=api_pb2.FunctionCallHandleMetadata(
                app_id=call["app_id"], function_id=call["function_id"]
            ),
        )

    async def FunctionCallGetInfo(
        self, request: api_pb2.FunctionCallGetInfoRequest, peer: Peer
    ) -> api_pb2.FunctionCallGetInfoResponse:
        call = self._call(request.function_call_id)
        counts = self.cloud.calls.outputs.counts(request.function_call_id)
        total = self.cloud.calls.total(request.function_call_id)
        category = api_pb2.InputCategoryInfo
        info = api_pb2.FunctionCallInfo(
            function_call_id=request.function_call_id,
            created_at=call["created_at"],
            pending_inputs=category(total=self.cloud.calls.unfinished(request.function_call_id)),
            failed_inputs=category(total=sum(counts.get(status, 0) for status in FAILURES)),
            succeeded_inputs=category(total=counts.get(Result.GENERIC_STATUS_SUCCESS, 0)),
            timeout_inputs=category(total=counts.get(Result.GENERIC_STATUS_TIMEOUT, 0)),
            cancelled_inputs=category(total=counts.get(Result.GENERIC_STATUS_TERMINATED, 0)),
            total_inputs=total,
        )
        return api_pb2.FunctionCallGetInfoResponse(info=info)

    async def FunctionGetCallGraph(
        self, request: api_pb2.FunctionGetCallGraphRequest, peer: Peer
    ) -> api_pb2.FunctionGetCallGraphResponse:
        self._call(request.function_call_id)
        graph = graph_of(self.cloud.store.db, request.function_call_id)
        inputs = [
            api_pb2.InputCallGraphInfo(
                input_id=row["input_id"],
                function_call_id=row["call_id"],
                status=row["status"],
                task_id=row["task_id"] or "",
            )
            for row in graph.inputs
        ]
        calls = [self._node(row) for row in graph.calls]
        return api_pb2.FunctionGetCallGraphResponse(
            inputs=inputs, function_calls=calls, truncated=graph.truncated
        )

    def _node(self, call: sqlite3.Row) -> api_pb2.FunctionCallCallGraphInfo:
        definition = self.cloud.apps.function(call["function_id"]).definition
        return api_pb2.FunctionCallCallGraphInfo(
            function_call_id=call["call_id"],
            parent_input_id=call["parent_input"] or "",
            function_name=definition.function_name,
            module_name=definition.module_name,
        )

    async def FunctionCallCancel(self, request: api_pb2.FunctionCallCancelRequest, peer: Peer) -> Empty:
        """Cancel without a retry: waiting inputs end at once, running ones are told (SIGUSR1 by way
        of the heartbeat) and end when their container says so or is gone, at last by force."""
        self._call(request.function_call_id)
        self.cloud.calls.mark_cancelled(request.function_call_id)
        terminated = Result(status=Result.GENERIC_STATUS_TERMINATED, exception=CANCELLED)
        inputs = self.cloud.calls.inputs_of(request.function_call_id)
        self._finish_waiting(inputs, CANCELLED)
        for item in inputs:
            if item.state.status is InputStatus.RUNNING:
                self._cancel_running(item, terminated, kill=request.terminate_containers)
        return Empty()

    def _cancel_running(self, item: Input, terminated: api_pb2.GenericResult, *, kill: bool) -> None:
        container = self.cloud.containers.live.get(item.state.task_id or "")
        if container is None or kill:
            if container is not None:
                container.current.pop(item.input_id, None)
                self.cloud.containers.stop(container, preempted=False)
            self.cloud.calls.finish([item], terminated)
            return
        cluster_control.cancel_input(self.cloud, container, item.input_id)

    async def FunctionCallPutDataOut(self, request: api_pb2.FunctionCallPutDataRequest, peer: Peer) -> Empty:
        self.cloud.data_out.put(self._stream_of(request), request.data_chunks)
        return Empty()

    async def FunctionCallGetDataOut(
        self, request: api_pb2.FunctionCallGetDataRequest, peer: Peer
    ) -> AsyncIterator[api_pb2.DataChunk]:
        index = request.last_index
        call_id = self._stream_of(request)
        while True:
            for chunk in self.cloud.data_out.after(call_id, index):
                index = chunk.index
                yield chunk
            await asyncio.sleep(0)
            await self.cloud.data_out.changed.wait(5.0)

    def _stream_of(
        self, request: api_pb2.FunctionCallPutDataRequest | api_pb2.FunctionCallGetDataRequest
    ) -> str:
        """The call whose data this is; a try's token names its input."""
        if request.function_call_id:
            return request.function_call_id
        return self.cloud.calls.input(request.attempt_token.partition(":")[0]).call_id

    def _call(self, call_id: str) -> sqlite3.Row:
        try:
            return self.cloud.calls.call(call_id)
        except KeyError:
            not_found(f"Function call '{call_id}'")
