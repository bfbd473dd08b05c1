"""Secrets: names and values for containers' environments. Values are never logged or listed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from remote.local_cloud import clocks
from remote.local_cloud.ids import new_id
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS secrets(
  secret_id TEXT PRIMARY KEY, name TEXT UNIQUE, env TEXT NOT NULL, created_at REAL NOT NULL);
"""


class Secrets:
    """All secrets of this cloud, in the same private file as everything else."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        store.define(_TABLES)

    def create(self, name: str | None, env: Mapping[str, str], *, overwrite: bool = False) -> str:
        """A new secret, or new values for a named one; its id. Anonymous secrets of equal values are
        one, so that deploying the same code again makes the same container."""
        values = json.dumps(dict(env), sort_keys=True)
        if name is None:
            query = "SELECT secret_id FROM secrets WHERE name IS NULL AND env=?"
            same = self._db.execute(query, (values,)).fetchone()
            if same:
                return str(same["secret_id"])
        known = self.find(name) if name else None
        if known and overwrite:
            self._db.execute("UPDATE secrets SET env=? WHERE secret_id=?", (values, known))
            return known
        secret_id = new_id("st")
        self._db.execute("INSERT INTO secrets VALUES(?,?,?,?)", (secret_id, name, values, clocks.wall()))
        return secret_id

    def find(self, name: str) -> str | None:
        """The id of a named secret."""
        row = self._db.execute("SELECT secret_id FROM secrets WHERE name=?", (name,)).fetchone()
        return row["secret_id"] if row else None

    def keys(self, secret_id: str) -> list[str]:
        """The variable names of a secret."""
        row = self._db.execute("SELECT env FROM secrets WHERE secret_id=?", (secret_id,)).fetchone()
        return list(json.loads(row["env"])) if row else []

    def named(self) -> list[tuple[str, str, float]]:
        """(name, id, created at) of every named secret."""
        rows = self._db.execute("SELECT * FROM secrets WHERE name IS NOT NULL ORDER BY created_at DESC")
        return [(row["name"], row["secret_id"], row["created_at"]) for row in rows]

    def values(self, secret_ids: Iterable[str]) -> dict[str, str]:
        """The environment that these secrets make, later ones winning."""
        merged: dict[str, str] = {}
        for secret_id in secret_ids:
            row = self._db.execute("SELECT env FROM secrets WHERE secret_id=?", (secret_id,)).fetchone()
            if row:
                merged |= json.loads(row["env"])
        return merged

    def delete(self, secret_id: str) -> None:
        """Forget a secret."""
        self._db.execute("DELETE FROM secrets WHERE secret_id=?", (secret_id,))
