"""Links to put and get what is too large for a message."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from remote.local_cloud import multipart
from remote.local_cloud.blob_server import MAX_BODY
from remote.local_cloud.ids import new_id
from remote.local_cloud.rpc.area import Area, Peer, invalid, not_found

if TYPE_CHECKING:
    from remote.local_cloud.cloud import Cloud


class BlobRpc(Area):
    """Blobs by id. What is large comes in parts; how large that is, LOCAL_CLOUD_PART_BYTES says."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._part_bytes = int(os.environ.get(multipart.SETTING, multipart.PART_BYTES))

    async def BlobCreate(self, request: api_pb2.BlobCreateRequest, peer: Peer) -> api_pb2.BlobCreateResponse:
        length = request.content_length
        if length > MAX_BODY:
            text = f"a blob of {length} bytes; at most {MAX_BODY} are allowed"
            raise GRPCError(Status.RESOURCE_EXHAUSTED, text)
        blob_id = new_id("bl")
        if length > self._part_bytes:
            upload = self._upload_in_parts(blob_id, length)
            uploads = api_pb2.MultiPartUploadList(items=[upload])
            return api_pb2.BlobCreateResponse(
                blob_id=blob_id, multipart=upload, blob_ids=[blob_id], multiparts=uploads
            )
        url = self.cloud.blob_server.link("PUT", "blob", blob_id)
        return api_pb2.BlobCreateResponse(
            blob_id=blob_id,
            upload_url=url,
            blob_ids=[blob_id],
            upload_urls=api_pb2.UploadUrlList(items=[url]),
        )

    def _upload_in_parts(self, blob_id: str, length: int) -> api_pb2.MultiPartUpload:
        link = self.cloud.blob_server.link
        lengths = multipart.part_lengths(length, self._part_bytes)
        return api_pb2.MultiPartUpload(
            part_length=self._part_bytes,
            upload_urls=[
                link("PUT", "part", multipart.part_name(blob_id, number), length=part)
                for number, part in enumerate(lengths, 1)
            ],
            completion_url=link("POST", "blob", blob_id),
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
