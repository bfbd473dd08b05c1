"""modal.Dict."""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from remote.local_cloud.dict_store import LimitError
from remote.local_cloud.rpc.area import Area, Peer, invalid, not_found
from remote.local_cloud.rpc.naming import get_or_create, page


class DictRpc(Area):
    """Named tables with compare-and-set."""

    async def DictGetOrCreate(
        self, request: api_pb2.DictGetOrCreateRequest, peer: Peer
    ) -> api_pb2.DictGetOrCreateResponse:
        dicts = self.cloud.dicts
        dict_id = get_or_create(
            "Dict", request.deployment_name, request.object_creation_type, dicts.find, dicts.create
        )
        if request.data:
            dicts.update(dict_id, [(entry.key, entry.value) for entry in request.data], if_not_exists=False)
        metadata = api_pb2.DictMetadata(name=request.deployment_name)
        return api_pb2.DictGetOrCreateResponse(dict_id=dict_id, metadata=metadata)

    async def DictGetById(
        self, request: api_pb2.DictGetByIdRequest, peer: Peer
    ) -> api_pb2.DictGetByIdResponse:
        name = self._known(request.dict_id) or ""
        return api_pb2.DictGetByIdResponse(dict_id=request.dict_id, metadata=api_pb2.DictMetadata(name=name))

    async def DictHeartbeat(self, request: api_pb2.DictHeartbeatRequest, peer: Peer) -> Empty:
        return Empty()

    async def DictGet(self, request: api_pb2.DictGetRequest, peer: Peer) -> api_pb2.DictGetResponse:
        value = self.cloud.dicts.get(request.dict_id, request.key)
        return api_pb2.DictGetResponse(found=value is not None, value=value)

    async def DictContains(
        self, request: api_pb2.DictContainsRequest, peer: Peer
    ) -> api_pb2.DictContainsResponse:
        return api_pb2.DictContainsResponse(
            found=self.cloud.dicts.get(request.dict_id, request.key) is not None
        )

    async def DictUpdate(self, request: api_pb2.DictUpdateRequest, peer: Peer) -> api_pb2.DictUpdateResponse:
        self._known(request.dict_id)
        items = [(entry.key, entry.value) for entry in request.updates]
        try:
            created = self.cloud.dicts.update(request.dict_id, items, if_not_exists=request.if_not_exists)
        except LimitError as error:
            invalid(str(error))
        return api_pb2.DictUpdateResponse(created=created)

    async def DictPop(self, request: api_pb2.DictPopRequest, peer: Peer) -> api_pb2.DictPopResponse:
        value = self.cloud.dicts.pop(request.dict_id, request.key)
        return api_pb2.DictPopResponse(found=value is not None, value=value)

    async def DictLen(self, request: api_pb2.DictLenRequest, peer: Peer) -> api_pb2.DictLenResponse:
        return api_pb2.DictLenResponse(len=self.cloud.dicts.length(request.dict_id))

    async def DictContents(
        self, request: api_pb2.DictContentsRequest, peer: Peer
    ) -> AsyncIterator[api_pb2.DictEntry]:
        for key, value in self.cloud.dicts.items(request.dict_id):
            yield api_pb2.DictEntry(key=key, value=value if request.values else b"")

    async def DictClear(self, request: api_pb2.DictClearRequest, peer: Peer) -> Empty:
        self.cloud.dicts.clear(request.dict_id)
        return Empty()

    async def DictDelete(self, request: api_pb2.DictDeleteRequest, peer: Peer) -> Empty:
        self.cloud.dicts.delete(request.dict_id)
        return Empty()

    async def DictList(self, request: api_pb2.DictListRequest, peer: Peer) -> api_pb2.DictListResponse:
        items = [
            api_pb2.DictListResponse.DictInfo(
                name=name,
                dict_id=dict_id,
                created_at=made.created_at,
                metadata=api_pb2.DictMetadata(name=name, creation_info=made),
            )
            for name, dict_id, made in page(self.cloud.dicts.named(), request.pagination)
        ]
        return api_pb2.DictListResponse(dicts=items, environment_name="main")

    def _known(self, dict_id: str) -> str | None:
        try:
            return self.cloud.dicts.name_of(dict_id)
        except KeyError:
            not_found(f"Dict '{dict_id}'")
