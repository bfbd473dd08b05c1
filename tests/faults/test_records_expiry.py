"""A run longer than the seven days after which Modal drops a Dict entry that nobody reads: its next
attempt still finds the newest commit. Without the daily reading it begins at step 0."""

from pathlib import Path

import pytest
from memory_tables import MemoryTable

from remote.attempt_ports import VolumeCheckpoints
from remote.records import attempt_claim, keys
from remote.records.archive import Archive
from remote.records.checkpoint_store import CheckpointStore
from remote.records.commit_log import CommitLog, newest
from remote.records.errors import ForgottenError
from remote.records.registry import Reservation, reserve
from remote.records.upkeep import FORGOTTEN_AFTER_SECONDS, READ_AGAIN_SECONDS, Upkeep, read_again

DAY = 24 * 3600.0


class ForgetfulTable(MemoryTable):
    """As Modal documents it: an entry goes seven days after its last read or write."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._used: dict[str, float] = {}

    def _look(self, key: str) -> None:
        if self.now - self._used.get(key, self.now) >= FORGOTTEN_AFTER_SECONDS:
            self.entries.pop(key, None)
        self._used[key] = self.now

    def get(self, key: str) -> bytes | None:
        self._look(key)
        return super().get(key)

    def put(self, key: str, value: bytes) -> None:
        self._look(key)
        super().put(key, value)

    def add(self, key: str, value: bytes) -> bool:
        self._look(key)
        return super().add(key, value)


class LongRun:
    """Commits once a day; attempts follow each other on one volume and one table."""

    def __init__(self, root: Path) -> None:
        self.root, self.table = root, ForgetfulTable()
        reserved = Reservation(intent="i1", verb="spawn", by="ana", host="h", config={}, at=0.0)
        reserve(self.table, reserved, generation=1)

    def begin(self, boot: str, from_step: int | None = None) -> int:
        claim = attempt_claim.claim_attempt(
            self.table, generation=1, boot_id=boot, call_id="fc-1", task_id="ta-1",
            host="h", pid=1, now=self.table.now,
        )  # fmt: skip
        self.number = claim.number
        self.log = CommitLog(self.table, claim.number, boot)
        self.attempt = VolumeCheckpoints(
            CheckpointStore(self.root),
            self.log,
            Archive(self.root / "events"),
            claim,
            list,
            lambda: True,
            lambda: None,
        )
        return int(self.attempt.begin(from_step))

    def train(self, days: int, *, upkeep: bool) -> None:
        for day in range(1, days + 1):
            self.table.now += DAY
            self.attempt.commit(
                self.attempt.save(day * 100, {"state.json": lambda path: path.write_text("{}")}, {})
            )
            if upkeep:
                read_again(self.table)


def test_an_attempt_after_ten_undisturbed_days_goes_on_from_the_newest_commit(tmp_path: Path) -> None:
    run = LongRun(tmp_path)
    assert run.begin("b1") == 0
    run.train(10, upkeep=True)
    assert run.begin("b2") == 1000
    assert run.number == 2


def test_without_the_daily_reading_the_commit_log_is_empty_and_that_is_refused(tmp_path: Path) -> None:
    """Negative control; and the second line of defence, which a naive trainer does not have."""
    run = LongRun(tmp_path)
    run.begin("b1")
    run.train(10, upkeep=False)
    with pytest.raises(ForgottenError, match="10 checkpoints of this run, the newest step_00001000"):
        run.begin("b2")
    assert newest(run.log.records()) is None
    assert run.number == 1, "even the number of attempts is forgotten"


def test_who_wants_to_begin_anew_all_the_same_may(tmp_path: Path) -> None:
    run = LongRun(tmp_path)
    run.begin("b1")
    run.train(10, upkeep=False)
    assert run.begin("b2", from_step=0) == 0


def test_everything_that_a_resume_needs_is_read_and_no_event_is(tmp_path: Path) -> None:
    run = LongRun(tmp_path)
    attempt_claim.claim_owner(run.table, 1, "fc-1", clock=lambda: 0.0)
    run.begin("b1")
    run.table.put(keys.events(1, 1), b"[]")
    run.train(3, upkeep=False)
    needed = {key for key in run.table.entries if not key.startswith("events/")}
    run.table.requests = 0
    assert read_again(run.table) == len(needed)
    run.table.now += FORGOTTEN_AFTER_SECONDS - 1
    assert {key for key in needed if run.table.get(key) is not None} == needed


def test_the_upkeep_reads_once_a_day_and_sooner_after_a_failure() -> None:
    class Broken(MemoryTable):
        def get(self, key: str) -> bytes | None:
            self.requests += 1
            if self.requests == 1:
                raise ConnectionError("no answer")
            return super().get(key)

    waits: list[float] = []

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 4

    Upkeep(Broken(), pause=pause).work()
    assert waits == [READ_AGAIN_SECONDS, 3600.0, READ_AGAIN_SECONDS, READ_AGAIN_SECONDS]
