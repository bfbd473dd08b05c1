"""Links to put and get what is too large for a message."""

from __future__ import annotations

from modal_proto import api_pb2

from remote.local_cloud.blobs import MAX_BODY
from remote.local_cloud.ids import new_id
from remote.local_cloud.rpc.area import Area, Peer, invalid, not_found


class BlobRpc(Area):
    """Blobs by id."""

    async def BlobCreate(self, request: api_pb2.BlobCreateRequest, peer: Peer) -> api_pb2.BlobCreateResponse:
        if request.content_length > MAX_BODY:
            invalid(f"a blob of {request.content_length} bytes; at most {MAX_BODY} are allowed")
        blob_id = new_id("bl")
        url = self.cloud.blob_server.link("PUT", "blob", blob_id)
        return api_pb2.BlobCreateResponse(
            blob_id=blob_id,
            upload_url=url,
            blob_ids=[blob_id],
            upload_urls=api_pb2.UploadUrlList(items=[url]),
        )

    async def BlobGet(self, request: api_pb2.BlobGetRequest, peer: Peer) -> api_pb2.BlobGetResponse:
        try:
            exists = self.cloud.blobs.path(request.blob_id).exists()
        except ValueError as error:
            invalid(str(error))
        if not exists:
            not_found(f"Blob '{request.blob_id}'")
        return api_pb2.BlobGetResponse(
            download_url=self.cloud.blob_server.link("GET", "blob", request.blob_id)
        )
