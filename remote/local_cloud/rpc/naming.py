"""The one way in which named objects are named, looked up or made: Modal's ObjectCreationType."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from remote.local_cloud.rpc.area import invalid, not_found

CREATE_IF_MISSING = api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING
FAIL_IF_EXISTS = api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS
OVERWRITE = api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS
ANONYMOUS = (api_pb2.OBJECT_CREATION_TYPE_EPHEMERAL, api_pb2.OBJECT_CREATION_TYPE_ANONYMOUS_OWNED_BY_APP)

_NAME = re.compile(r"(?!ap-[a-zA-Z0-9]{22}\Z)[a-zA-Z0-9._-]{1,64}\Z")


def check_name(what: str, name: str) -> None:
    """Refuse a name that Modal's client would not let anybody give."""
    if not _NAME.match(name):
        invalid(
            f"Invalid {what} name: '{name[:80]}'. It may have 64 letters, digits, dashes, periods and "
            "underscores at most, and must not look like an app's id."
        )


def get_or_create(
    what: str,
    name: str,
    creation: int,
    find: Callable[[str], str | None],
    create: Callable[[str | None], str],
) -> str:
    """The id of a named or anonymous object, by the rules of its creation type."""
    if creation in ANONYMOUS or not name:
        return create(None)
    known = find(name)
    if known is not None and creation == FAIL_IF_EXISTS:
        raise GRPCError(Status.ALREADY_EXISTS, f"{what} '{name}' exists already")
    if known is None and creation not in (CREATE_IF_MISSING, FAIL_IF_EXISTS, OVERWRITE):
        not_found(f"{what} '{name}'")
    return known or create(name)


def page(
    named: Sequence[tuple[str, str, float]], pagination: api_pb2.ListPagination
) -> list[tuple[str, str, api_pb2.CreationInfo]]:
    """One page of (name, id, created at), newest first, as listings are asked for."""
    before = pagination.created_before or float("inf")
    found = [
        (name, object_id, api_pb2.CreationInfo(created_at=created_at, created_by="local"))
        for name, object_id, created_at in named
        if created_at < before
    ]
    return found[: pagination.max_objects or None]
