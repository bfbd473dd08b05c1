"""What the journal promises: all of a look or nothing of it, each event once, nothing lost to a kill."""

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from remote.vocabulary.commands import Intent, Outcome, OutcomeState, Verb
from remote.vocabulary.events import TRAINER, Event, encode
from tui_app.journal.reader import (
    JournalDamagedError,
    JournalMissingError,
    JournalReader,
    JournalVersionError,
    WatcherStatus,
)
from tui_app.journal.records import Arrival, Draft, LogLine
from tui_app.journal.schema import SCHEMA_VERSION, JournalError
from tui_app.journal.writer import JournalWriter


def step(seq: int, *, attempt: int = 1, run: str = "r7") -> Event:
    return Event(
        run=run,
        attempt=attempt,
        source=TRAINER,
        seq=seq,
        t=1000.0 + seq,
        mono=float(seq),
        type="step.completed",
        data={"step": seq, "of": 900, "metrics": {"reward/mean": 0.5}},
    )


def arrivals(*events: Event) -> list[Arrival]:
    return [Arrival(event, encode(event)) for event in events]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_events_position_and_view_arrive_together(path: Path) -> None:
    writer = JournalWriter(path, clock=lambda: 50.0)
    writer.record("r7", arrivals(step(1), step(2)), positions={1: 4}, sign_at=50.0)
    reader = JournalReader(path)
    rows = reader.events("r7")
    assert [(row.row_id, row.arrived, row.event) for row in rows] == [(1, 50.0, step(1)), (2, 50.0, step(2))]
    summary = reader.view("r7")
    assert summary is not None
    assert (summary.view.step, summary.row_id, summary.sign_at) == (2, 2, 50.0)
    assert writer.positions("r7") == {1: 4}


def test_a_repeat_is_recorded_once_and_not_called_new(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(step(1), step(2)))
    assert writer.record("r7", arrivals(step(2), step(3), step(3))) == [step(3)]
    assert [row.event.seq for row in JournalReader(path).events("r7")] == [1, 2, 3]


def test_what_fails_half_way_leaves_nothing(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(step(1)), positions={1: 1})

    def record_and_fail() -> None:
        with writer.transaction():
            writer.record("r7", arrivals(step(2)), positions={1: 2})
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        record_and_fail()
    assert [row.event.seq for row in JournalReader(path).events("r7")] == [1]
    assert (writer.positions("r7"), writer.view("r7").step) == ({1: 1}, 1)
    assert writer.record("r7", arrivals(step(2)), positions={1: 2}) == [step(2)]


def test_the_watchers_own_words_are_numbered_densely_for_each_attempt(path: Path) -> None:
    draft = Draft(type="run.spawned", data={"generation": 1, "verb": "spawn", "call_id": "fc-1"})
    writer = JournalWriter(path)
    writer.say("r7", draft, draft)
    writer.close()
    writer = JournalWriter(path)
    (third,) = writer.say("r7", draft)
    (other,) = writer.say("r7", Draft(attempt=1, type="retry.scheduled"))
    assert (third.source, third.seq, other.seq) == (writer.source, 3, 1)
    assert writer.source.startswith("watcher:")


def test_what_the_watcher_adds_to_an_event_stands_beside_it_and_comes_only_with_it(path: Path) -> None:
    writer = JournalWriter(path)
    spawned, scheduled = Draft(type="run.spawned", t=7.0), Draft(attempt=1, type="retry.scheduled")
    arrival = Arrival(step(1), encode(step(1)), before=(spawned,), after=(scheduled,))
    writer.record("r7", [arrival])
    writer.record("r7", [arrival])
    events = [row.event for row in JournalReader(path).events("r7")]
    assert [event.type for event in events] == ["run.spawned", "step.completed", "retry.scheduled"]
    assert events[0].t == 7.0


def test_a_new_writer_goes_on_from_the_same_views(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(step(1), step(2)))
    writer.record("r8", arrivals(step(5, run="r8")))
    views = [writer.view(run) for run in writer.runs()]
    writer.close()
    again = JournalWriter(path)
    assert [again.view(run) for run in again.runs()] == views


def test_a_view_of_another_version_is_made_anew_from_the_events(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(step(1), step(2)))
    view = writer.view("r7")
    writer.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE views SET view = x'00'")
    connection.close()
    with pytest.raises(JournalVersionError, match="restart the watcher"):
        JournalReader(path).views()
    assert JournalWriter(path).view("r7") == view
    assert JournalReader(path).views()[0].view == view


def test_a_diverged_metric_survives(path: Path) -> None:
    event = Event(
        run="r7",
        attempt=1,
        source=TRAINER,
        seq=1,
        t=1.0,
        mono=1.0,
        type="step.completed",
        data={"step": 1, "of": 9, "metrics": {"loss": float("nan"), "reward/mean": float("nan")}},
    )
    JournalWriter(path).record("r7", arrivals(event))
    view = JournalReader(path).views()[0].view
    assert view.metrics["loss"] != view.metrics["loss"]


def test_a_reader_is_never_kept_waiting_and_never_sees_half_a_look(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(step(1)))
    reader, ended = JournalReader(path), threading.Event()

    def write() -> None:
        for batch in range(60):
            first = 2 + batch * 10
            writer.record("r7", arrivals(*(step(first + i) for i in range(10))), positions={1: batch + 1})
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    cursor, seen, at_the_end = 0, [], False
    while not at_the_end:
        at_the_end = ended.is_set()
        rows = reader.events("r7", after_row=cursor)
        seen += [row.event.seq for row in rows]
        cursor = rows[-1].row_id if rows else cursor
        summary = reader.view("r7")
        assert summary is not None
        assert summary.view.step % 10 == 1
    thread.join()
    assert seen == list(range(1, 602))


def test_readers_filter_by_type_and_page(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(*(step(i) for i in range(1, 6))))
    writer.say("r7", Draft(attempt=1, type="retry.scheduled"))
    reader = JournalReader(path)
    assert [row.event.seq for row in reader.events("r7", after_row=1, limit=2)] == [2, 3]
    assert [row.event.type for row in reader.events("r7", types=["retry.scheduled"])] == ["retry.scheduled"]
    assert reader.events("r7", types=[]) == []
    assert reader.newest_row() == 6


def test_no_journal_is_said_as_such_and_none_is_made(path: Path) -> None:
    with pytest.raises(JournalMissingError, match=r"journal\.db"):
        JournalReader(path)
    assert not path.exists()


def test_a_file_that_is_no_journal_is_refused_in_words(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(JournalDamagedError, match="move it away"):
        JournalReader(path)
    with pytest.raises(JournalDamagedError, match="move it away"):
        JournalWriter(path)


def test_a_newer_journal_is_refused_by_both_sides(path: Path) -> None:
    JournalWriter(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    for opener in (JournalReader, JournalWriter):
        with pytest.raises(JournalVersionError, match="install the newer Middlewatch"):
            opener(path)


def test_a_journal_of_the_first_version_is_read_and_is_given_what_it_lacks(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(step(1)), sign_at=50.0)
    writer.close()
    with sqlite3.connect(path) as connection:
        for gone in ("TABLE alerts", "TABLE curves", "INDEX events_told", "INDEX events_by_type"):
            connection.execute(f"DROP {gone}")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    reader = JournalReader(path)
    assert reader.alerts() == []
    assert reader.curves("r7")[0] == 0
    summary = reader.view("r7")
    writer = JournalWriter(path)
    writer.record("r7", arrivals(diverged(2)), sign_at=60.0)
    assert [alert.rule for alert in reader.alerts("r7")] == ["not_finite"]
    assert summary is not None
    assert [row.event.seq for row in reader.events("r7")] == [1, 2, 1]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


def diverged(seq: int) -> Event:
    return msgspec.structs.replace(step(seq), data={"step": seq, "of": 900, "metrics": {"loss": "NaN"}})


def test_an_alert_is_raised_in_the_transaction_of_its_event_and_survives_the_next_writer(path: Path) -> None:
    writer = JournalWriter(path)

    def fail() -> None:
        with writer.transaction():
            writer.record("r7", arrivals(diverged(1)), sign_at=50.0)
            assert writer.alerts("r7").active
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (writer.alerts("r7").active, JournalReader(path).alerts()) == ((), [])
    writer.record("r7", arrivals(diverged(1)), sign_at=50.0)
    types = [row.event.type for row in JournalReader(path).events("r7")]
    assert types == ["step.completed", "alert.raised"]
    writer.close()
    again = JournalWriter(path)
    again.record("r7", arrivals(diverged(1), diverged(2)), sign_at=51.0)
    assert [row.event.type for row in JournalReader(path).events("r7")] == [*types, "step.completed"]


def test_the_files_are_closed_to_others(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(step(1)))
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}


def test_a_final_outcome_is_never_overwritten(path: Path) -> None:
    intent = Intent(
        id="i1", verb=Verb.STOP, run="r7", created_at=1.0, expires_at=61.0, by="ada", host="jump-1"
    )
    writer, reader = JournalWriter(path), JournalReader(path)
    assert reader.outcome("i1") is None
    for state in (OutcomeState.SENT, OutcomeState.DONE, OutcomeState.FAILED):
        writer.record_outcome(intent, Outcome(intent="i1", state=state, detail=state, at=2.0))
    outcome = reader.outcome("i1")
    assert outcome is not None
    assert outcome.state is OutcomeState.DONE
    (row,) = reader.outcomes("r7")
    assert (row.outcome, row.run, row.verb, row.by, row.host) == (outcome, "r7", Verb.STOP, "ada", "jump-1")
    assert reader.outcomes("other") == []


def test_status_logs_and_undecodable_lines_read_back(path: Path) -> None:
    status = WatcherStatus(
        pid=1,
        started_at=2.0,
        beat_at=3.0,
        target="local",
        workspace="",
        reachable=True,
        reachable_since=2.5,
        detail="",
        watcher_id="ab",
        version="0.1.0",
    )
    writer, reader = JournalWriter(path), JournalReader(path)
    assert reader.status() is None
    writer.set_status(status)
    assert reader.status() == status
    lines = [LogLine(1.0, "stdout", "one"), LogLine(2.0, "stderr", "two", possible_repeat=True)]
    writer.add_logs("r7", lines)
    assert [row.line for row in reader.logs("r7")] == lines
    assert [row.line.text for row in reader.logs("r7", after=1)] == ["two"]
    writer.count_undecodable("r7", 2)
    writer.count_undecodable("r7", 3)
    assert reader.undecodable("r7") == 5


RECORDING = """
import sys
from pathlib import Path
from remote.vocabulary.events import Event, encode
from tui_app.journal.records import Arrival
from tui_app.journal.writer import JournalWriter

journal = JournalWriter(Path(sys.argv[1]))
seq = journal.view("r7").seen.get("1/trainer", 0)
batch = journal.positions("r7").get(1, 0)
while True:
    events = [Event(run="r7", attempt=1, source="trainer", seq=seq + i, t=0.0, mono=0.0,
                    type="step.completed", data={"step": seq + i}) for i in (1, 2, 3)]
    seq, batch = seq + 3, batch + 1
    journal.record("r7", [Arrival(event, encode(event)) for event in events], positions={1: batch})
    sys.stdout.write(f"{seq}\\n")
    sys.stdout.flush()
"""

BUFFERED = """
import sys
from pathlib import Path

path = Path(sys.argv[1])
seq = int(path.read_text().split()[-1]) if path.exists() and path.read_text().split() else 0
file = path.open("a")
while True:
    seq += 3
    file.write(f"{seq - 2}\\n{seq - 1}\\n{seq}\\n")
    sys.stdout.write(f"{seq}\\n")
    sys.stdout.flush()
"""


def acknowledged_before_a_kill(program: str, path: Path, delay: float) -> int:
    """Let the program record, kill it ``delay`` seconds after its first word; its last word."""
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.readline()
    killer = threading.Timer(delay, process.send_signal, (signal.SIGKILL,))
    killer.start()
    said += process.stdout.read()
    process.wait()
    process.stdout.close()
    killer.join()
    whole = said[: said.rfind(b"\n")].split()
    return int(whole[-1]) if whole else 0


def kills(seed: int, number: int) -> list[float]:
    return [random.Random(seed + i).uniform(0.0, 0.05) for i in range(number)]


@pytest.mark.parametrize(
    "number", [8, pytest.param(1_000, marks=[pytest.mark.chaos, pytest.mark.timeout(900)])]
)
def test_a_kill_loses_nothing_that_was_recorded_and_leaves_no_gap(tmp_path: Path, number: int) -> None:
    for kill, delay in enumerate(kills(2026, number)):
        path = tmp_path / f"journal-{kill // 8}.db"
        acknowledged = acknowledged_before_a_kill(RECORDING, path, delay)
        reader = JournalReader(path)
        seqs = [row.event.seq for row in reader.events("r7", limit=10_000_000)]
        summary = reader.view("r7")
        reader.close()
        assert summary is not None
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= acknowledged
        assert len(seqs) % 3 == 0
        assert (summary.view.step, summary.view.gaps) == (len(seqs), ())


def test_a_buffered_text_file_does_lose_what_was_recorded(tmp_path: Path) -> None:
    path, losses = tmp_path / "journal.txt", 0
    for delay in kills(2026, 6):
        acknowledged = acknowledged_before_a_kill(BUFFERED, path, delay)
        lines = path.read_text().split()
        losses += acknowledged > (int(lines[-1]) if lines else 0)
        path.unlink()
    assert losses


def test_the_journal_can_be_read_after_its_writer_was_killed(path: Path) -> None:
    acknowledged = acknowledged_before_a_kill(RECORDING, path, 0.02)
    assert len(JournalReader(path).events("r7", limit=10_000_000)) >= acknowledged


def test_a_writer_waits_for_a_file_that_somebody_holds_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    JournalWriter(path).close()
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    letting_go = threading.Timer(0.3, holder.close)
    letting_go.start()
    JournalWriter(path).close()
    letting_go.join()


def test_a_file_that_stays_held_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_app.journal.schema.BUSY_SECONDS", 0.1)
    path = tmp_path / "journal.db"
    JournalWriter(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError, match="in use by another process") as refused:
        JournalWriter(path)
    assert not isinstance(refused.value, JournalDamagedError)
    holder.close()
