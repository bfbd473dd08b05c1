"""Reading what containers printed: fetched, counted, streamed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from itertools import groupby

from google.protobuf.timestamp_pb2 import Timestamp
from modal_proto import api_pb2

from remote.local_cloud.apps import STOPPED
from remote.local_cloud.logs import STDERR, STDOUT, LogFilter
from remote.local_cloud.rpc.area import Area, Peer

BATCH = 500


class LogRpc(Area):
    """The three log RPCs share one filter."""

    async def AppFetchLogs(
        self, request: api_pb2.AppFetchLogsRequest, peer: Peer
    ) -> api_pb2.AppFetchLogsResponse:
        wanted = self._filter(request, request.source, request.since, request.until)
        return api_pb2.AppFetchLogsResponse(
            batches=_batches(self.cloud.logs.newest(wanted, request.limit or BATCH))
        )

    async def AppCountLogs(
        self, request: api_pb2.AppCountLogsRequest, peer: Peer
    ) -> api_pb2.AppCountLogsResponse:
        wanted = self._filter(request, request.source, request.since, request.until)
        buckets: dict[int, api_pb2.AppCountLogsResponse.LogBucket] = {}
        for start, fd, count in self.cloud.logs.counts(wanted, request.bucket_secs or 60):
            empty = api_pb2.AppCountLogsResponse.LogBucket(bucket_start_at=Timestamp(seconds=start))
            bucket = buckets.setdefault(start, empty)
            name = {STDOUT: "stdout_logs", STDERR: "stderr_logs"}.get(fd, "system_logs")  # type: ignore[call-overload]
            setattr(bucket, name, count)
        return api_pb2.AppCountLogsResponse(app_id=request.app_id, buckets=list(buckets.values()))

    async def AppGetLogs(
        self, request: api_pb2.AppGetLogsRequest, peer: Peer
    ) -> AsyncIterator[api_pb2.TaskLogsBatch]:
        wanted = self._filter(request, request.file_descriptor, None, None)
        entry = int(request.last_entry_id.partition("-")[0] or 0)
        deadline = time.monotonic() + (request.timeout or 55.0)
        while True:
            rows = self.cloud.logs.after(wanted, entry, BATCH)
            for batch in _batches(rows):
                yield batch
            if rows:
                entry = rows[-1]["entry"]
                continue
            if request.app_id and self._is_over(request.app_id):
                yield api_pb2.TaskLogsBatch(app_done=True, entry_id=f"{entry}-0")
                return
            left = deadline - time.monotonic()
            if left <= 0:
                return
            await self.cloud.logs.changed.wait(min(left, 5.0))

    def _is_over(self, app_id: str) -> bool:
        running = any(container.app_id == app_id for container in self.cloud.containers.live.values())
        return not running and bool(self.cloud.apps.get(app_id)["state"] == STOPPED)

    def _filter(
        self,
        request: api_pb2.AppFetchLogsRequest | api_pb2.AppCountLogsRequest | api_pb2.AppGetLogsRequest,
        fd: int,
        since: Timestamp | None,
        until: Timestamp | None,
    ) -> LogFilter:
        return LogFilter(
            app_id=request.app_id,
            function_id=request.function_id,
            task_id=request.task_id,
            call_id=request.function_call_id,
            fd=fd,
            search=request.search_text,
            since=since.seconds + since.nanos / 1e9 if since else 0.0,
            until=until.seconds + until.nanos / 1e9 if until else 0.0,
        )


def _batches(rows: Sequence[sqlite3.Row]) -> list[api_pb2.TaskLogsBatch]:
    """Lines grouped by the container, call and moment that they share."""
    batches = []
    for (task_id, function_id, input_id), group in groupby(
        rows, lambda r: (r["task_id"], r["function_id"], r["input_id"])
    ):
        lines = list(group)
        batches.append(
            api_pb2.TaskLogsBatch(
                task_id=task_id,
                function_id=function_id,
                root_function_id=function_id,
                input_id=input_id,
                entry_id=f"{lines[-1]['entry']}-0",
                items=[_item(row) for row in lines],
            )
        )
    return batches


def _item(row: sqlite3.Row) -> api_pb2.TaskLogs:
    return api_pb2.TaskLogs(
        data=row["data"],
        timestamp=row["t"],
        timestamp_ns=int(row["t"] * 1e9),
        file_descriptor=row["fd"],
        function_call_id=row["call_id"],
        input_id=row["input_id"],
        container_id=row["task_id"],
    )
