"""Greeting, environment, images and source code: what a deploy needs besides its functions."""

from __future__ import annotations

import hashlib
import sys

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from remote.local_cloud.rpc.area import Area, Peer, invalid

IMAGE_BUILDER_VERSION = "2025.06"


class WorkspaceRpc(Area):
    """One environment, ``main``; images are taken as built: containers run this interpreter."""

    async def ClientHello(self, request: Empty, peer: Peer) -> api_pb2.ClientHelloResponse:
        return api_pb2.ClientHelloResponse(image_builder_version=IMAGE_BUILDER_VERSION)

    async def TokenInfoGet(
        self, request: api_pb2.TokenInfoGetRequest, peer: Peer
    ) -> api_pb2.TokenInfoGetResponse:
        return api_pb2.TokenInfoGetResponse(
            token_id=self.cloud.token[0],
            workspace_id="wo-local",
            workspace_name="local",
            user_identity=api_pb2.UserIdentity(user_id="us-local", username="local"),
        )

    async def WorkspaceNameLookup(self, request: Empty, peer: Peer) -> api_pb2.WorkspaceNameLookupResponse:
        return api_pb2.WorkspaceNameLookupResponse(workspace_name="local", username="local")

    async def EnvironmentGetOrCreate(
        self, request: api_pb2.EnvironmentGetOrCreateRequest, peer: Peer
    ) -> api_pb2.EnvironmentGetOrCreateResponse:
        settings = api_pb2.EnvironmentSettings(image_builder_version=IMAGE_BUILDER_VERSION)
        metadata = api_pb2.EnvironmentMetadata(name="main", settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-local", metadata=metadata)

    async def EnvironmentList(self, request: Empty, peer: Peer) -> api_pb2.EnvironmentListResponse:
        item = api_pb2.EnvironmentListItem(name="main", default=True)
        return api_pb2.EnvironmentListResponse(items=[item])

    async def ImageGetOrCreate(
        self, request: api_pb2.ImageGetOrCreateRequest, peer: Peer
    ) -> api_pb2.ImageGetOrCreateResponse:
        definition = request.image.SerializeToString(deterministic=True)
        return api_pb2.ImageGetOrCreateResponse(
            image_id=request.existing_image_id or f"im-{hashlib.sha256(definition).hexdigest()[:22]}",
            result=api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS),
            metadata=api_pb2.ImageMetadata(
                python_version_info=sys.version, image_builder_version=IMAGE_BUILDER_VERSION
            ),
        )

    async def MountGetOrCreate(
        self, request: api_pb2.MountGetOrCreateRequest, peer: Peer
    ) -> api_pb2.MountGetOrCreateResponse:
        try:
            mount_id, checksum = self.cloud.source_mounts.create(request.files)
        except (ValueError, FileNotFoundError) as error:
            invalid(str(error))
        handle = api_pb2.MountHandleMetadata(content_checksum_sha256_hex=checksum)
        return api_pb2.MountGetOrCreateResponse(mount_id=mount_id, handle_metadata=handle)

    async def MountBatchedCheckExistence(
        self, request: api_pb2.MountBatchedCheckExistenceRequest, peer: Peer
    ) -> api_pb2.MountBatchedCheckExistenceResponse:
        missing = self.cloud.source_mounts.missing(request.sha256_hex_hashes)
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    async def MountPutFile(
        self, request: api_pb2.MountPutFileRequest, peer: Peer
    ) -> api_pb2.MountPutFileResponse:
        digest = request.sha256_hex
        kind = request.WhichOneof("data_oneof")
        try:
            if kind == "data":
                self.cloud.source_mounts.put(digest, request.data)
            elif kind == "data_blob_id":
                self.cloud.source_mounts.put(digest, self.cloud.blobs.path(request.data_blob_id).read_bytes())
        except (ValueError, FileNotFoundError) as error:
            invalid(str(error))
        return api_pb2.MountPutFileResponse(exists=not self.cloud.source_mounts.missing([digest]))
