"""What each version of an app was when it was deployed, so that an earlier one can be deployed again.

A deployment replaces what the app's functions are, so what they were is kept here, each definition once
however many versions have it. It knows the request that published a version and the functions' messages as
bytes; who calls them it does not know.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modal_proto import api_pb2

from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS deployments(
  app_id TEXT NOT NULL, version INTEGER NOT NULL, at REAL NOT NULL, client_version TEXT,
  PRIMARY KEY(app_id, version));
CREATE TABLE IF NOT EXISTS deployed_versions(
  app_id TEXT NOT NULL, version INTEGER NOT NULL, request BLOB NOT NULL, definitions TEXT NOT NULL,
  PRIMARY KEY(app_id, version));
CREATE TABLE IF NOT EXISTS deployed_definitions(
  digest TEXT PRIMARY KEY, definition BLOB NOT NULL, handle BLOB NOT NULL, data BLOB NOT NULL);
"""


class VersionError(LookupError):
    """A version that cannot be deployed again, with the reason in words."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a function is, as stored: `api_pb2.Function`, its handle's metadata, its data."""

    definition: bytes
    handle: bytes
    data: bytes

    @classmethod
    def of(
        cls,
        definition: api_pb2.Function,
        handle: api_pb2.FunctionHandleMetadata,
        data: api_pb2.FunctionData,
    ) -> Definition:
        """As bytes that are the same in every process."""
        parts = (definition, handle, data)
        return cls(*(part.SerializeToString(deterministic=True) for part in parts))

    @property
    def digest(self) -> str:
        """Its name."""
        parts = (len(part).to_bytes(8, "big") + part for part in (self.definition, self.handle, self.data))
        return hashlib.sha256(b"".join(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Version:
    """A version that was deployed: how it was published, and its functions by id."""

    request: api_pb2.AppPublishRequest
    functions: dict[str, Definition]


class Deployments:
    """All deployments of all apps."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        store.define(_TABLES)

    def record(
        self,
        request: api_pb2.AppPublishRequest,
        version: int,
        at: float,
        functions: Mapping[str, Definition],
    ) -> None:
        """An app has been published; what it was is kept, unless it is gone with its client anyway. Part of
        the caller's transaction."""
        values = (request.app_id, version, at, request.client_version)
        self._db.execute("INSERT INTO deployments VALUES(?,?,?,?)", values)
        if request.app_state != api_pb2.APP_STATE_DEPLOYED:
            return
        digests = {function_id: self._keep(kept) for function_id, kept in functions.items()}
        self._db.execute(
            "INSERT INTO deployed_versions VALUES(?,?,?,?)",
            (request.app_id, version, request.SerializeToString(), json.dumps(digests)),
        )

    def history(self, app_id: str) -> list[sqlite3.Row]:
        """Deployments of an app, newest first; ``request`` is None for one that is not kept."""
        query = (
            "SELECT d.*, v.request FROM deployments d LEFT JOIN deployed_versions v USING(app_id, version) "
            "WHERE d.app_id=? ORDER BY d.version DESC"
        )
        return self._db.execute(query, (app_id,)).fetchall()

    def get(self, app_id: str, version: int) -> Version:
        """What was deployed as a version. VersionError."""
        where = "app_id=? AND version=?", (app_id, version)
        row = self._db.execute(f"SELECT * FROM deployed_versions WHERE {where[0]}", where[1]).fetchone()
        if row is None:
            known = self._db.execute(f"SELECT 1 FROM deployments WHERE {where[0]}", where[1]).fetchone()
            why = "was deployed before versions were kept" if known else "was never deployed"
            raise VersionError(f"v{version} of this app {why}")
        digests = json.loads(row["definitions"])
        kept = self._kept(digests.values())
        return Version(
            api_pb2.AppPublishRequest.FromString(row["request"]),
            {function_id: kept[digest] for function_id, digest in digests.items()},
        )

    def _keep(self, kept: Definition) -> str:
        values = (kept.digest, kept.definition, kept.handle, kept.data)
        self._db.execute("INSERT OR IGNORE INTO deployed_definitions VALUES(?,?,?,?)", values)
        return kept.digest

    def _kept(self, digests: Iterable[str]) -> dict[str, Definition]:
        query = "SELECT definition, handle, data FROM deployed_definitions WHERE digest=?"
        return {digest: Definition(*self._db.execute(query, (digest,)).fetchone()) for digest in digests}
