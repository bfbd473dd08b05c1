"""Areas of RPCs as one gRPC service.

Names, message types and cardinality come from the installed ``modal_proto``; the areas are found by
reflection. It checks the token, answers a repeated request of the client's own retry from memory,
and answers UNIMPLEMENTED, naming the RPC and counting it, for whatever no area implements.
"""

from __future__ import annotations

import asyncio
import functools
import hmac
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpclib.const
import grpclib.server
from grpclib import GRPCError, Status
from modal_proto import api_grpc

from remote.local_cloud.answers import Answers
from remote.local_cloud.fault_plan import FaultPlan
from remote.local_cloud.rpc.area import Area, Peer

log = logging.getLogger(__name__)

MAX_MESSAGE = 100 * 1024**2
"""Bytes of one request: what Modal's own client sends at most."""

REPEATABLE = frozenset(
    (
        "AppCreate",
        "AppPublish",
        "AppRollback",
        "AppRollover",
        "ClassCreate",
        "DictGetOrCreate",
        "DictPop",
        "DictUpdate",
        "FunctionCreate",
        "FunctionMap",
        "FunctionPrecreate",
        "FunctionPutInputs",
        "FunctionPutOutputs",
        "FunctionRetryInputs",
        "QueueGetOrCreate",
        "QueuePut",
        "SecretGetOrCreate",
        "VolumeCopyFiles",
        "VolumeCopyFiles2",
        "VolumeGetOrCreate",
        "VolumeRemoveFile",
        "VolumeRemoveFile2",
    )
)
"""RPCs whose second execution would do something twice; none of them waits for anything."""


class Service:
    """The shared part of all sockets: which RPCs exist, what was answered, what was missing."""

    def __init__(
        self, areas: Sequence[Area], token: tuple[str, str], answers: Answers, fault_plan: FaultPlan
    ) -> None:
        self._areas = areas
        self.fault_plan = fault_plan
        self._token = token
        self.answers = answers
        self.unimplemented: Counter[str] = Counter()

    def for_peer(self, peer: Peer) -> Handlers:
        """The service as seen by one socket."""
        return Handlers(self, peer)

    def method(self, name: str) -> Callable[..., Any] | None:
        """The area's method for an RPC, None if no area has it."""
        return next((getattr(area, name) for area in self._areas if hasattr(area, name)), None)

    def authorise(self, metadata: Mapping[str, Any]) -> None:
        """Refuse a client without the token; compared in constant time."""
        given = (metadata.get("x-modal-token-id", ""), metadata.get("x-modal-token-secret", ""))
        matches = [
            hmac.compare_digest(str(g).encode(), w.encode()) for g, w in zip(given, self._token, strict=True)
        ]
        if not all(matches):
            raise GRPCError(Status.UNAUTHENTICATED, "token missing or wrong for this local cloud")


class Handlers:
    """What grpclib serves on one socket."""

    def __init__(self, service: Service, peer: Peer) -> None:
        self._service = service
        self._peer = peer

    def __mapping__(self) -> dict[str, grpclib.const.Handler]:
        return {
            path: grpclib.const.Handler(functools.partial(self._guarded, name, declared), *declared[1:])
            for path, name, declared in _declared()
        }

    async def _guarded(
        self, name: str, declared: grpclib.const.Handler, stream: grpclib.server.Stream[Any, Any]
    ) -> None:
        try:
            await self._answer(name, declared, stream)
        except (GRPCError, asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            log.exception("%s failed", name)
            words = f"{name}: {type(error).__name__}: {error}"
            raise GRPCError(Status.FAILED_PRECONDITION, words) from error

    async def _answer(
        self, name: str, declared: grpclib.const.Handler, stream: grpclib.server.Stream[Any, Any]
    ) -> None:
        service = self._service
        if self._peer.task_id is None:
            service.authorise(stream.metadata or {})
        request = await _bounded(stream).recv_message()
        if delay := service.fault_plan.now.network_delay:
            await asyncio.sleep(delay)
        method = service.method(name)
        if method is None:
            service.unimplemented[name] += 1
            raise GRPCError(Status.UNIMPLEMENTED, f"{name} is not implemented by the local cloud")
        if declared.cardinality.server_streaming:
            async for message in method(request, self._peer):
                await stream.send_message(message)
            return
        key = str(dict[str, Any](stream.metadata or {}).get("x-idempotency-key", ""))
        call = method(request, self._peer)
        if key and name in REPEATABLE:
            answer = service.answers.once(key, call, declared.reply_type)
        else:
            answer = await call
        await stream.send_message(answer)


def _bounded(stream: grpclib.server.Stream[Any, Any]) -> grpclib.server.Stream[Any, Any]:
    """The stream, refusing a message over `MAX_MESSAGE` by its announced length, before it is read."""
    transport = stream._stream
    receive = transport.recv_data

    async def recv_data(size: int) -> bytes:
        if size > MAX_MESSAGE:
            words = f"a message of {size} bytes; at most {MAX_MESSAGE} are allowed"
            raise GRPCError(Status.RESOURCE_EXHAUSTED, words)
        return await receive(size)

    transport.recv_data = recv_data  # type: ignore[method-assign]
    return stream


@functools.cache
def _declared() -> list[tuple[str, str, grpclib.const.Handler]]:
    """Path, name and declaration of every RPC of the installed protocol; each container's socket asks."""
    names = api_grpc.ModalClientBase.__abstractmethods__

    async def absent(self: object, stream: object) -> None:
        raise NotImplementedError

    concrete = type("Declared", (api_grpc.ModalClientBase,), dict.fromkeys(names, absent))
    mapping: dict[str, grpclib.const.Handler] = concrete().__mapping__()
    return [(path, path.rpartition("/")[2], declared) for path, declared in mapping.items()]
