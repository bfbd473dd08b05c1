"""The options of bound functions: what ``with_options``, ``with_concurrency`` and ``with_batching`` change
in a definition, and what each variant was bound with.

Options are kept with their variant because a redeploy replaces the definition that they were applied to. A
variant of the time before has none here until it is bound again; until then it follows its base. It knows
variants as rows of the table of functions, which is that of `apps`.
"""

from __future__ import annotations

from google.protobuf.message import Message
from modal_proto import api_pb2

from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS bound_options(function_id TEXT PRIMARY KEY, options BLOB NOT NULL);
"""

_FIELDS = {
    "retry_policy": "retry_policy",
    "timeout_secs": "timeout_secs",
    "resources": "resources",
    "concurrency_limit": "concurrency_limit",
    "task_idle_timeout_secs": "task_idle_timeout_secs",
    "warm_pool_size": "warm_pool_size",
    "buffer_containers": "_experimental_buffer_containers",
    "max_concurrent_inputs": "max_concurrent_inputs",
    "target_concurrent_inputs": "target_concurrent_inputs",
    "batch_max_size": "batch_max_size",
    "batch_linger_ms": "batch_linger_ms",
}
_SCALING = {
    "concurrency_limit": "max_containers",
    "warm_pool_size": "min_containers",
    "buffer_containers": "buffer_containers",
    "task_idle_timeout_secs": "scaledown_window",
}


class BoundOptions:
    """The options of each bound function, as bytes that are the same for the same options."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        store.define(_TABLES)

    def keep(self, function_id: str, options: api_pb2.FunctionOptions) -> None:
        """What a variant was bound with. Part of the caller's transaction."""
        values = (function_id, options.SerializeToString(deterministic=True))
        self._db.execute("INSERT OR REPLACE INTO bound_options VALUES(?,?)", values)

    def find(self, base_id: str, params: bytes, options: api_pb2.FunctionOptions) -> str | None:
        """The variant of a function that was bound to the same parameters and options."""
        row = self._db.execute(
            "SELECT function_id FROM functions JOIN bound_options USING(function_id) "
            "WHERE base_id=? AND params=? AND options=?",
            (base_id, params, options.SerializeToString(deterministic=True)),
        ).fetchone()
        return str(row["function_id"]) if row else None

    def find_older(self, base_id: str, params: bytes, definition: api_pb2.Function) -> str | None:
        """A variant of the time before options were kept, known by what they made of its definition."""
        rows = self._db.execute(
            "SELECT function_id, definition FROM functions LEFT JOIN bound_options USING(function_id) "
            "WHERE base_id=? AND params=? AND options IS NULL",
            (base_id, params),
        )
        same = (row for row in rows if api_pb2.Function.FromString(row["definition"]) == definition)
        return next((str(row["function_id"]) for row in same), None)

    def of_variants(self, base_id: str) -> dict[str, api_pb2.FunctionOptions]:
        """The variants of a function that have options, by id."""
        rows = self._db.execute(
            "SELECT function_id, options FROM functions JOIN bound_options USING(function_id) "
            "WHERE base_id=? AND options<>x''",
            (base_id,),
        )
        return {row["function_id"]: api_pb2.FunctionOptions.FromString(row["options"]) for row in rows}


def applied(base: api_pb2.Function, options: api_pb2.FunctionOptions) -> api_pb2.Function:
    """A definition with options: what is given replaces what the function was deployed with. Where it
    would run in the cloud means nothing here."""
    definition = api_pb2.Function()
    definition.CopyFrom(base)
    for option, field in _FIELDS.items():
        if options.HasField(option):  # type: ignore[arg-type]
            value, target = getattr(options, option), getattr(definition, field)
            if isinstance(target, Message):
                target.CopyFrom(value)
            else:
                setattr(definition, field, value)
    for option, setting in _SCALING.items():
        if options.HasField(option):  # type: ignore[arg-type]
            setattr(definition.autoscaler_settings, setting, getattr(options, option))
    _apply_lists(definition, options)
    return definition


def _apply_lists(definition: api_pb2.Function, options: api_pb2.FunctionOptions) -> None:
    for replaced, given, kept in (
        (options.replace_secret_ids, options.secret_ids, definition.secret_ids),
        (options.replace_volume_mounts, options.volume_mounts, definition.volume_mounts),
        (options.replace_cloud_bucket_mounts, options.cloud_bucket_mounts, definition.cloud_bucket_mounts),
    ):
        if replaced:
            del kept[:]
        kept.extend(given)  # type: ignore[arg-type]
