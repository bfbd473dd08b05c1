"""What a function of an app is, read from its row: its definition, its retries, which containers it can use.

It is a value; `apps` keeps the rows.
"""

from __future__ import annotations

import functools
import hashlib
import sqlite3

from modal_proto import api_pb2

from remote.local_cloud.scheduler import Retry


class Function:
    """One deployed function or class service, with the parameters that it is bound to."""

    def __init__(self, row: sqlite3.Row) -> None:
        self.function_id: str = row["function_id"]
        self.app_id: str = row["app_id"]
        self.name: str = row["name"]
        self.base_id: str = row["base_id"] or row["function_id"]
        self.params: bytes = row["params"]
        self.definition = api_pb2.Function.FromString(row["definition"])
        self.handle = api_pb2.FunctionHandleMetadata.FromString(row["handle"])
        self.data = api_pb2.FunctionData.FromString(row["data"])
        self._rolled_over: int = row["rolled_over"] or 0

    @functools.cached_property
    def key(self) -> str:
        """What a container of it is good for: the same code, mounts, secrets, volumes, parameters, and no
        rollover in between."""
        definition = self.definition.SerializeToString(deterministic=True)
        since = self._rolled_over.to_bytes(8, "big") if self._rolled_over else b""
        return hashlib.sha256(definition + self.params + since).hexdigest()[:32]

    @property
    def has_parameters(self) -> bool:
        """Whether it is a class whose parameters are yet to be given."""
        return bool(self.definition.class_parameter_info.schema) and not self.params

    @property
    def retry(self) -> Retry:
        """Its retry policy."""
        policy = self.definition.retry_policy
        return Retry(
            retries=policy.retries,
            initial_delay=policy.initial_delay_ms / 1000,
            coefficient=policy.backoff_coefficient or 1.0,
            max_delay=policy.max_delay_ms / 1000 or 60.0,
        )
