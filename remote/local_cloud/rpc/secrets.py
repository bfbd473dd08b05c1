"""modal.Secret."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from remote.local_cloud.rpc.area import Area, Peer, invalid
from remote.local_cloud.rpc.naming import OVERWRITE, get_or_create, page


class SecretRpc(Area):
    """Names and keys go out, values never do but into containers."""

    async def SecretGetOrCreate(
        self, request: api_pb2.SecretGetOrCreateRequest, peer: Peer
    ) -> api_pb2.SecretGetOrCreateResponse:
        env = dict(request.env_dict)
        secrets, creation = self.cloud.secrets, request.object_creation_type

        def create(name: str | None) -> str:
            return secrets.create(name, env)

        secret_id = get_or_create("Secret", request.deployment_name, creation, secrets.find, create)
        if creation == OVERWRITE:
            secrets.create(request.deployment_name, env, overwrite=True)
        keys = secrets.keys(secret_id)
        missing = [key for key in request.required_keys if key not in keys]
        if missing:
            invalid(f"Secret '{request.deployment_name}' lacks {', '.join(missing)}")
        metadata = api_pb2.SecretMetadata(name=request.deployment_name, keys=keys)
        return api_pb2.SecretGetOrCreateResponse(secret_id=secret_id, metadata=metadata)

    async def SecretList(self, request: api_pb2.SecretListRequest, peer: Peer) -> api_pb2.SecretListResponse:
        items = [
            api_pb2.SecretListItem(
                label=name,
                secret_id=secret_id,
                created_at=made.created_at,
                metadata=api_pb2.SecretMetadata(
                    name=name, creation_info=made, keys=self.cloud.secrets.keys(secret_id)
                ),
            )
            for name, secret_id, made in page(self.cloud.secrets.named(), request.pagination)
        ]
        return api_pb2.SecretListResponse(items=items, environment_name="main")

    async def SecretDelete(self, request: api_pb2.SecretDeleteRequest, peer: Peer) -> Empty:
        self.cloud.secrets.delete(request.secret_id)
        return Empty()
