"""modal.Queue."""

from __future__ import annotations

import time

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from remote.local_cloud.queue_store import QueueFullError
from remote.local_cloud.rpc.area import Area, Peer, invalid
from remote.local_cloud.rpc.naming import get_or_create, page

ITEMS_A_PAGE = 100
MAX_POLL = 55.0


class QueueRpc(Area):
    """Partitions of items with long polls."""

    async def QueueGetOrCreate(
        self, request: api_pb2.QueueGetOrCreateRequest, peer: Peer
    ) -> api_pb2.QueueGetOrCreateResponse:
        queues = self.cloud.queues
        queue_id = get_or_create(
            "Queue", request.deployment_name, request.object_creation_type, queues.find, queues.create
        )
        metadata = api_pb2.QueueMetadata(name=request.deployment_name)
        return api_pb2.QueueGetOrCreateResponse(queue_id=queue_id, metadata=metadata)

    async def QueueHeartbeat(self, request: api_pb2.QueueHeartbeatRequest, peer: Peer) -> Empty:
        return Empty()

    async def QueuePut(self, request: api_pb2.QueuePutRequest, peer: Peer) -> Empty:
        ttl = float(request.partition_ttl_seconds)
        try:
            self.cloud.queues.put(request.queue_id, request.partition_key, request.values, ttl)
        except QueueFullError as error:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, str(error)) from error
        except ValueError as error:
            invalid(str(error))
        return Empty()

    async def QueueGet(self, request: api_pb2.QueueGetRequest, peer: Peer) -> api_pb2.QueueGetResponse:
        deadline = time.monotonic() + min(request.timeout, MAX_POLL)
        while True:
            values = self.cloud.queues.get(request.queue_id, request.partition_key, request.n_values or 1)
            left = deadline - time.monotonic()
            if values or left <= 0:
                return api_pb2.QueueGetResponse(values=values)
            await self.cloud.queues.changed.wait(left)

    async def QueueNextItems(
        self, request: api_pb2.QueueNextItemsRequest, peer: Peer
    ) -> api_pb2.QueueNextItemsResponse:
        deadline = time.monotonic() + min(request.item_poll_timeout, MAX_POLL)
        entry = int(request.last_entry_id or 0)
        while True:
            rows = self.cloud.queues.after(request.queue_id, request.partition_key, entry, ITEMS_A_PAGE)
            left = deadline - time.monotonic()
            if rows or left <= 0:
                items = [api_pb2.QueueItem(value=value, entry_id=str(number)) for number, value in rows]
                return api_pb2.QueueNextItemsResponse(items=items)
            await self.cloud.queues.changed.wait(left)

    async def QueueLen(self, request: api_pb2.QueueLenRequest, peer: Peer) -> api_pb2.QueueLenResponse:
        partition = None if request.total else request.partition_key
        return api_pb2.QueueLenResponse(len=self.cloud.queues.length(request.queue_id, partition))

    async def QueueClear(self, request: api_pb2.QueueClearRequest, peer: Peer) -> Empty:
        partition = None if request.all_partitions else request.partition_key
        self.cloud.queues.clear(request.queue_id, partition)
        return Empty()

    async def QueueDelete(self, request: api_pb2.QueueDeleteRequest, peer: Peer) -> Empty:
        self.cloud.queues.delete(request.queue_id)
        return Empty()

    async def QueueList(self, request: api_pb2.QueueListRequest, peer: Peer) -> api_pb2.QueueListResponse:
        items = [
            api_pb2.QueueListResponse.QueueInfo(
                name=name,
                queue_id=queue_id,
                created_at=made.created_at,
                num_partitions=self.cloud.queues.partitions(queue_id),
                total_size=self.cloud.queues.length(queue_id, None),
                metadata=api_pb2.QueueMetadata(name=name, creation_info=made),
            )
            for name, queue_id, made in page(self.cloud.queues.named(), request.pagination)
        ]
        return api_pb2.QueueListResponse(queues=items)
