"""Apps, their functions and classes: what was deployed under which name.

A redeploy keeps the ids of functions that keep their name, so calls that run go on and later ones
get the new code. It knows protocol messages as values to keep; it runs nothing.
"""

from __future__ import annotations

import json
import sqlite3
import time

from modal_proto import api_pb2

from remote.local_cloud import clocks
from remote.local_cloud.bound_options import BoundOptions, applied
from remote.local_cloud.deployments import Definition, Deployments
from remote.local_cloud.function import Function
from remote.local_cloud.ids import new_id
from remote.local_cloud.scaling import Scaling
from remote.local_cloud.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS apps(
  app_id TEXT PRIMARY KEY, name TEXT, description TEXT NOT NULL, state INTEGER NOT NULL,
  version INTEGER NOT NULL, created_at REAL NOT NULL, deployed_at REAL, stopped_at REAL,
  functions TEXT NOT NULL, classes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS functions(
  function_id TEXT PRIMARY KEY, app_id TEXT NOT NULL, name TEXT NOT NULL, base_id TEXT, params BLOB NOT NULL,
  definition BLOB NOT NULL, handle BLOB NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS autoscalers(function_id TEXT PRIMARY KEY, settings BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS classes(class_id TEXT PRIMARY KEY, app_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rollovers(app_id TEXT PRIMARY KEY, version INTEGER NOT NULL);
"""

HEARTBEAT_LOST_SECONDS = 60.0
STOPPED = api_pb2.APP_STATE_STOPPED
LIVE_STATES = (api_pb2.APP_STATE_DEPLOYED, api_pb2.APP_STATE_EPHEMERAL, api_pb2.APP_STATE_DETACHED)


class Apps:
    """All apps of this cloud, with their past ``deployments``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db
        store.define(_TABLES)
        self.deployments = Deployments(store)
        self._bound_options = BoundOptions(store)
        self._known: dict[str, Function] = {}
        self._heartbeats: dict[str, float] = {}
        self._since = time.monotonic()

    def create(self, description: str, state: int) -> str:
        """A new app; its id."""
        app_id = new_id("ap")
        self.note_heartbeat(app_id)
        self._db.execute(
            "INSERT INTO apps VALUES(?,NULL,?,?,0,?,NULL,NULL,'{}','{}')",
            (app_id, description, state, clocks.wall()),
        )
        return app_id

    def get(self, app_id: str) -> sqlite3.Row:
        """The app's row; KeyError if there is none."""
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM apps WHERE app_id=?", (app_id,)).fetchone()
        if row is None:
            raise KeyError(app_id)
        return row

    def deployed(self, name: str) -> sqlite3.Row | None:
        """The deployed app of a name."""
        row: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM apps WHERE name=? AND state=? ORDER BY deployed_at DESC",
            (name, api_pb2.APP_STATE_DEPLOYED),
        ).fetchone()
        return row

    def all(self) -> list[sqlite3.Row]:
        """Every app, newest first."""
        return self._db.execute("SELECT * FROM apps ORDER BY created_at DESC").fetchall()

    def publish(self, request: api_pb2.AppPublishRequest) -> float:
        """Record a deployment; when it happened."""
        now, app = clocks.wall(), self.get(request.app_id)
        version, name = app["version"] + 1, request.name or app["name"]
        tables = json.dumps(dict(request.function_ids)), json.dumps(dict(request.class_ids))
        with self._store.transaction() as db:
            db.execute(
                "UPDATE apps SET name=?, state=?, version=?, deployed_at=?, functions=?, classes=? "
                "WHERE app_id=?",
                (name, request.app_state, version, now, *tables, request.app_id),
            )
            functions = {f: self._definition(f) for f in request.function_ids.values()}
            self.deployments.record(request, version, now, functions)
        return now

    def roll_back(self, app_id: str, version: int | None = None) -> float:
        """Deploy an earlier version again, the previous one if none is named; when it happened. For calls
        it is a deployment like any other. VersionError."""
        version = self.get(app_id)["version"] - 1 if version is None else version
        past = self.deployments.get(app_id, version)
        past.request.rollback_version = version
        with self._store.transaction():
            for function_id, was in past.functions.items():
                self._define(function_id, was)
            return self.publish(past.request)

    def roll_over(self, app_id: str) -> float:
        """Deploy the present version once more, so that its containers are replaced; when it happened.
        VersionError."""
        app = self.get(app_id)
        present = self.deployments.get(app_id, app["version"]).request
        present.rollback_version = 0
        with self._store.transaction() as db:
            values = (app_id, app["version"] + 1)
            db.execute("INSERT OR REPLACE INTO rollovers VALUES(?,?)", values)
            self._known.clear()
            return self.publish(present)

    def note_heartbeat(self, app_id: str) -> None:
        """The client that runs an app is there."""
        self._heartbeats[app_id] = time.monotonic()

    def abandoned(self) -> list[str]:
        """Ephemeral apps whose client has not been heard of for long, nor said goodbye."""
        before = time.monotonic() - HEARTBEAT_LOST_SECONDS
        query = "SELECT app_id FROM apps WHERE state=?"
        rows = self._db.execute(query, (api_pb2.APP_STATE_EPHEMERAL,)).fetchall()
        return [r["app_id"] for r in rows if self._heartbeats.get(r["app_id"], self._since) < before]

    def stop(self, app_id: str) -> None:
        """Mark an app stopped."""
        self._db.execute(
            "UPDATE apps SET state=?, stopped_at=? WHERE app_id=?", (STOPPED, clocks.wall(), app_id)
        )

    def reserve_function(
        self, app_id: str, name: str, existing: str, handle: api_pb2.FunctionHandleMetadata
    ) -> str:
        """The id that a function of this app and name has, or gets."""
        row = self._db.execute(
            "SELECT function_id FROM functions WHERE app_id=? AND name=? AND base_id IS NULL", (app_id, name)
        )
        known = row.fetchone()
        function_id: str = existing or (known["function_id"] if known else new_id("fu"))
        self._db.execute(
            "INSERT OR IGNORE INTO functions VALUES(?,?,?,NULL,x'',x'',?,x'')",
            (function_id, app_id, name, handle.SerializeToString(deterministic=True)),
        )
        return function_id

    def define_function(
        self,
        function_id: str,
        definition: api_pb2.Function,
        handle: api_pb2.FunctionHandleMetadata,
        data: api_pb2.FunctionData,
    ) -> None:
        """Store what a function is; a redeploy replaces it, bound variants and overridden scaling
        included. Variants keep the options that they were bound with."""
        self._define(function_id, Definition.of(definition, handle, data))

    def _define(self, function_id: str, given: Definition) -> None:
        self._known.clear()
        with self._store.transaction() as db:
            db.execute(
                "DELETE FROM autoscalers WHERE function_id IN "
                "(SELECT function_id FROM functions WHERE function_id=? OR base_id=?)",
                (function_id, function_id),
            )
            db.execute(
                "UPDATE functions SET definition=?, handle=?, data=? WHERE function_id=? OR base_id=?",
                (given.definition, given.handle, given.data, function_id, function_id),
            )
            base = api_pb2.Function.FromString(given.definition)
            for bound_id, options in self._bound_options.of_variants(function_id).items():
                definition = applied(base, options).SerializeToString(deterministic=True)
                db.execute("UPDATE functions SET definition=? WHERE function_id=?", (definition, bound_id))

    def _definition(self, function_id: str) -> Definition:
        query = "SELECT definition, handle, data FROM functions WHERE function_id=?"
        row = self._db.execute(query, (function_id,)).fetchone()
        if row is None:
            raise KeyError(function_id)
        return Definition(*row)

    def bind(self, base: Function, params: bytes, options: api_pb2.FunctionOptions) -> str:
        """A function bound to class parameters and options: a container pool of its own, and the same one
        for the same parameters and options."""
        if known := self._bound_options.find(base.function_id, params, options):
            return known
        definition = applied(base.definition, options)
        older = self._bound_options.find_older(base.function_id, params, definition)
        with self._store.transaction():
            function_id = older or self._add_variant(base, params, definition)
            self._bound_options.keep(function_id, options)
        return function_id

    def _add_variant(self, base: Function, params: bytes, definition: api_pb2.Function) -> str:
        function_id = new_id("fu")
        given = Definition.of(definition, base.handle, base.data)
        of_base = base.app_id, base.name, base.function_id
        values = (function_id, *of_base, params, given.definition, given.handle, given.data)
        self._db.execute("INSERT INTO functions VALUES(?,?,?,?,?,?,?,?)", values)
        return function_id

    def function(self, function_id: str) -> Function:
        """One function; KeyError if there is none."""
        if function_id not in self._known:
            query = (
                "SELECT f.*, r.version AS rolled_over FROM functions f LEFT JOIN rollovers r USING(app_id) "
                "WHERE f.function_id=?"
            )
            row = self._db.execute(query, (function_id,)).fetchone()
            if row is None:
                raise KeyError(function_id)
            self._known[function_id] = Function(row)
        return self._known[function_id]

    def scaling(self, function: Function) -> Scaling:
        """How many containers a function may have, with what `update_autoscaler` has changed."""
        return Scaling.of(function.definition, self.autoscaler(function.function_id))

    def autoscaler(self, function_id: str) -> api_pb2.AutoscalerSettings:
        """What `update_autoscaler` has set since the last deployment."""
        query = "SELECT settings FROM autoscalers WHERE function_id=?"
        row = self._db.execute(query, (function_id,)).fetchone()
        return api_pb2.AutoscalerSettings.FromString(row["settings"] if row else b"")

    def override_autoscaler(self, function_id: str, settings: api_pb2.AutoscalerSettings) -> None:
        """Change some settings until the next deployment."""
        merged = self.autoscaler(function_id)
        merged.MergeFrom(settings)
        self._db.execute(
            "INSERT OR REPLACE INTO autoscalers VALUES(?,?)", (function_id, merged.SerializeToString())
        )

    def live_functions(self) -> list[Function]:
        """The published functions of all apps that are not over."""
        return [
            f for app in self.all() if app["state"] in LIVE_STATES for f in self.functions_of(app["app_id"])
        ]

    def functions_of(self, app_id: str) -> list[Function]:
        """The functions that an app was published with."""
        published = json.loads(self.get(app_id)["functions"]).values()
        return [self.function(function_id) for function_id in published]

    def create_class(self, app_id: str, existing: str) -> str:
        """A class's id."""
        class_id = existing or new_id("cs")
        self._db.execute("INSERT OR IGNORE INTO classes VALUES(?,?)", (class_id, app_id))
        return class_id

    def published(self, app_name: str, table: str, tag: str) -> str | None:
        """The id of a published function ("functions") or class ("classes") by name."""
        app = self.deployed(app_name)
        found: str | None = json.loads(app[table]).get(tag) if app else None
        return found

    def layout(self, app_id: str) -> api_pb2.AppLayout:
        """Names and handles of an app's objects, as a container and a redeploy need them."""
        app = self.get(app_id)
        layout = api_pb2.AppLayout(
            function_ids=json.loads(app["functions"]), class_ids=json.loads(app["classes"])
        )
        for function_id in layout.function_ids.values():
            handle = self.function(function_id).handle
            layout.objects.append(api_pb2.Object(object_id=function_id, function_handle_metadata=handle))
        for class_id in layout.class_ids.values():
            layout.objects.append(
                api_pb2.Object(object_id=class_id, class_handle_metadata=api_pb2.ClassHandleMetadata())
            )
        return layout
