"""What every area of RPCs is: a class whose public methods are named like Modal's RPCs.

    class DictRpc(Area):
        async def DictLen(self, request: api_pb2.DictLenRequest, peer: Peer) -> api_pb2.DictLenResponse: ...

A server stream is an async generator. Errors are raised as ``grpclib.GRPCError``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from grpclib import GRPCError, Status

if TYPE_CHECKING:
    from remote.local_cloud.cloud import Cloud


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is calling: the container ``task_id``, or a client on the control socket (None)."""

    task_id: str | None = None


class Area:
    """A group of RPCs that share one subject."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud


def not_found(what: str) -> NoReturn:
    """Answer NOT_FOUND, naming what is missing."""
    raise GRPCError(Status.NOT_FOUND, f"{what} not found")


def invalid(why: str) -> NoReturn:
    """Answer INVALID_ARGUMENT with the reason."""
    raise GRPCError(Status.INVALID_ARGUMENT, why)
