"""The session's ports, carried out with the records of one attempt.

Each class does one protocol of `remote.training.ports`. They translate: the records' errors into the
ports', a drill into what the platform offers for it. They decide nothing about training.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from remote.records import attempt_claim, commit_log, errors
from remote.records.archive import Archive, sequence_range
from remote.records.attempt_claim import Claim
from remote.records.checkpoint_store import CheckpointStore
from remote.records.commit_log import CommitLog, LogRecord
from remote.records.event_log import EventWriter
from remote.records.tables import Table
from remote.training.ports import CommitFailedError, Damaged, FencedError, FileWriter, Recognised, Saved
from remote.vocabulary.events import Severity
from remote.vocabulary.run_states import EndCause


class AttemptRecorder:
    """The event log, and the attempt's end record: the next attempt counts by it, so it is written
    before the events are waited for, in whatever is left of a short grace."""

    def __init__(self, table: Table, attempt: int, events: EventWriter) -> None:
        self._table, self._attempt, self._events = table, attempt, events
        self._unwritten: dict[str, Any] | None = None
        self.ended = False

    def emit(self, type: str, /, *, sev: Severity = Severity.INFO, **data: Any) -> None:
        """See `Recorder.emit`."""
        self._events.emit(type, sev=sev, **data)
        if type == "attempt.ended":
            self.ended, self._unwritten = True, data

    def flush(self, timeout: float = 5.0) -> bool:
        """See `Recorder.flush`."""
        self._write_end()
        return self._events.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Write what is left and end the writer's threads."""
        self._write_end()
        self._events.close(timeout)

    def _write_end(self) -> None:
        end = self._unwritten
        if end is None:
            return
        try:
            attempt_claim.record_end(
                self._table,
                self._attempt,
                cause=EndCause(end["cause"]),
                step=end["step"],
                committed_step=end["committed_step"],
                evidence=end["evidence"],
                will_retry=bool(end.get("will_retry")),
                now=time.time(),
            )
        except Exception as error:
            # Its event says the same; without the record the next attempt calls this end unknown.
            print(f"the attempt's end could not be recorded: {error}", file=sys.stderr)
        self._unwritten = None


class VolumeCheckpoints:
    """Checkpoints on the volume, recognised by the run's commit log; with each commit the events so
    far go into the archive. Call `begin` first: it fences off earlier attempts."""

    def __init__(
        self,
        store: CheckpointStore,
        log: CommitLog,
        archive: Archive,
        claim: Claim,
        unarchived: Callable[[], list[bytes]],
        flush: Callable[[], bool],
        commit: Callable[[], None],
    ) -> None:
        self._store, self._log, self._archive, self._claim = store, log, archive, claim
        self._unarchived, self._flush, self._commit_volume = unarchived, flush, commit
        self._start: LogRecord | None = None
        self._damaged: dict[str, Damaged] = {}

    def begin(self, from_step: int | None) -> int:
        """Choose the checkpoint to start from and fence; its step, 0 from scratch. UnknownStepError
        if the operator named a step that no recognised checkpoint is of; ForgottenError if there are
        checkpoints and no records at all, unless the operator wants to begin at step 0."""
        chosen: dict[int, LogRecord] = {}

        def choose(records: list[LogRecord]) -> int:
            if not records and from_step != 0 and (names := list(self._store.names())):
                raise errors.ForgottenError(names)
            wanted = commit_log.starts(records, from_step=from_step, first_attempt=self._claim.first_attempt)
            record = next((record for record in wanted if self._is_whole(record)), None)
            if record is None:
                return 0
            chosen[record.position] = record
            return record.position

        try:
            position = self._log.fence(choose)
        except errors.FencedError as error:
            raise FencedError(str(error)) from error
        self._start = chosen.get(position)
        self._store.sweep()
        return self._start.step if self._start else 0

    def save(self, step: int, files: Mapping[str, FileWriter], about: Mapping[str, Any]) -> Saved:
        """See `Checkpoints.save`."""
        written = self._store.write(step, self._claim.number, files, about)
        return Saved(step=step, name=written.name, bytes=written.bytes, seconds=round(written.seconds, 6))

    def commit(self, saved: Saved) -> Recognised:
        """See `Checkpoints.commit`. Steps that count are never done again, so what was said of them
        is in the live log before they count: a kill in between would lose it for good."""
        try:
            lines = self._unarchived()
            if lines:
                self._archive.seal(self._claim.number, lines, *sequence_range(lines))
            self._commit_volume()
            if not self._flush():
                raise CommitFailedError("the events so far could not be written to the live log")
            position = self._log.append_commit(saved.step, saved.name, bytes=saved.bytes)
        except errors.FencedError as error:
            raise FencedError(str(error)) from error
        except CommitFailedError:
            raise
        except Exception as error:
            raise CommitFailedError(f"{type(error).__name__}: {error}") from error
        return Recognised(step=saved.step, name=saved.name, position=position)

    def newest(self) -> tuple[Recognised, Path] | None:
        """See `Checkpoints.newest`."""
        if self._start is None:
            return None
        start = self._start
        recognised = Recognised(step=start.step, name=start.name, position=start.position)
        return recognised, self._store.path(start.name)

    def skipped(self) -> Sequence[Damaged]:
        """See `Checkpoints.skipped`."""
        return list(self._damaged.values())

    def prune(self, keep_last: int, keep_every: int) -> Sequence[Recognised]:
        """See `Checkpoints.prune`."""
        there = set(self._store.names())
        gone = []
        for record in superfluous(self._log.records(), keep_last, keep_every):
            if record.name in there:
                self._store.delete(record.name)
                gone.append(Recognised(step=record.step, name=record.name, position=record.position))
        return gone

    def _is_whole(self, record: LogRecord) -> bool:
        if record.name in self._damaged:
            return False
        try:
            self._store.verify(record.name)
        except errors.DamagedCheckpointError as error:
            self._damaged[record.name] = Damaged(name=error.name, why=error.why)
            return False
        return True


def superfluous(records: Sequence[LogRecord], keep_last: int, keep_every: int) -> list[LogRecord]:
    """The recognised checkpoints that the rule lets go, oldest first; never the newest.

    Kept are the last ``keep_last`` of the line that the present state is made of, and of that line every
    step that ``keep_every`` divides. Work that was turned back from is kept only while it is among the last
    ``keep_last`` commits of all: so an operator who went back too far can still return.
    """
    line, all_of_them = commit_log.lineage(records), commit_log.recognised(records)
    kept = {record.position for record in (*line[-keep_last:], *all_of_them[-keep_last:])}
    if keep_every:
        kept |= {record.position for record in line if record.step % keep_every == 0}
    return [record for record in all_of_them if record.position not in kept]


class ContainerPlatform:
    """Faults on purpose, asked for by a file in the directory that the platform watches; without
    such a directory (Modal's cloud) there are none to be had."""

    def __init__(self, table: Table, attempt: int, faults: Path | None) -> None:
        self._table, self._attempt, self._faults = table, attempt, faults

    def preempt_me(self, grace: float) -> bool:
        """See `Platform.preempt_me`."""
        return self._ask("preempt", json.dumps({"grace": grace}))

    def fail_next_commit(self) -> bool:
        """See `Platform.fail_next_commit`."""
        return self._ask("commit_fail_once", "")

    def once(self, what: str) -> bool:
        """See `Platform.once`."""
        return attempt_claim.once(self._table, what, self._attempt)

    def _ask(self, name: str, content: str) -> bool:
        if self._faults is None:
            return False
        unfinished = self._faults / f".{name}"
        unfinished.write_text(content)
        unfinished.rename(self._faults / name)
        return True
