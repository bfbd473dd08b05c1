"""The curves that the journal keeps are those that its steps draw, however they were written down."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote.vocabulary.events import Event, encode
from tui_app.journal import curves
from tui_app.journal.reader import JournalReader
from tui_app.journal.records import Arrival, Draft
from tui_app.journal.retention import thin
from tui_app.journal.writer import JournalWriter
from tui_app.render.track import Track
from tui_app.state.points import CHARTED, point_of
from tui_app.widgets.metrics import METRICS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "EVERY", 7)
    monkeypatch.setattr(curves, "ROWS_AT_ONCE", 3)


def step(seq: int, number: int | None = None, attempt: int = 1) -> Event:
    data = {
        "step": number or seq,
        "of": 900,
        "metrics": {"loss": 1.0 / seq, "reward/mean": seq % 5, "lr": 1.0},
    }
    return Event(
        run="r7",
        attempt=attempt,
        source="trainer",
        seq=seq,
        t=seq,
        mono=seq,
        type="step.completed",
        data=data,
    )


def arrivals(*events: Event) -> list[Arrival]:
    return [Arrival(event, encode(event)) for event in events]


def drawn(reader: JournalReader) -> Track:
    """As a viewer does: what is kept, and the steps behind it."""
    row, track = reader.curves("r7")
    track.extend(points(reader, row))
    return track


def points(reader: JournalReader, after: int = 0) -> list[tuple[int, int, dict[str, float]]]:
    found = [point_of(row.event) for row in reader.events("r7", after, 10**6)]
    return [(p.step, p.attempt, dict(p.metrics)) for p in found if p is not None]


def from_the_start(reader: JournalReader) -> Track:
    track = Track()
    track.extend(points(reader))
    return track


def rolled_back(writer: JournalWriter, batch: list[Event]) -> None:
    with writer.transaction():
        writer.record("r7", arrivals(*batch))
        raise RuntimeError


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 3)), min_size=1, max_size=40),
    st.lists(st.sampled_from(["record", "restart", "fail"]), min_size=1, max_size=12),
)
def test_what_is_kept_and_what_follows_are_the_whole(
    tmp_path: Path, steps: list[tuple[int, int]], deeds: list[str]
) -> None:
    """Over any batches, restarts and transactions that were rolled back."""
    path = tmp_path / "any.db"
    path.unlink(missing_ok=True)
    writer = JournalWriter(path)
    left = [step(seq, number, attempt) for seq, (number, attempt) in enumerate(steps, 1)]
    for deed in deeds:
        batch, rest = left[:5], left[5:]
        if deed == "restart":
            writer.close()
            writer = JournalWriter(path)
        elif deed == "fail":
            with pytest.raises(RuntimeError):
                rolled_back(writer, batch)
        else:
            writer.record("r7", arrivals(*batch, *batch[:1]))
            left = rest
    reader = JournalReader(path)
    assert drawn(reader).pack() == from_the_start(reader).pack()
    reader.close()
    writer.close()


def test_a_long_run_is_opened_from_its_curves_and_few_steps(path: Path) -> None:
    writer = JournalWriter(path)
    for seq in range(1, 61):
        writer.record("r7", arrivals(step(seq)))
    reader = JournalReader(path)
    row, track = reader.curves("r7")
    assert track.last_step == 56
    assert [number for number, _, _ in points(reader, row)] == [57, 58, 59, 60]


def test_the_end_of_a_run_is_in_its_curves(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(step(1), step(2)))
    writer.say(
        "r7", Draft(type="run.ended", data={"state": "FAILED", "reason": "engine_error", "detail": ""})
    )
    writer.record("r7", arrivals(step(3)))
    row, track = JournalReader(path).curves("r7")
    assert (track.last_step, points(JournalReader(path), row)) == (3, [])


def test_curves_of_another_version_are_drawn_again(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(*(step(seq) for seq in range(1, 20))))
    writer.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE curves SET track = ?", (b"something else",))
    connection.close()
    assert drawn(JournalReader(path)).last_step == 19
    writer = JournalWriter(path)
    writer.record("r7", arrivals(step(20)))
    _, track = JournalReader(path).curves("r7")
    assert track.pack() == from_the_start(JournalReader(path)).pack()


def test_a_thinned_run_keeps_its_curves(path: Path) -> None:
    writer = JournalWriter(path)
    writer.record("r7", arrivals(*(step(seq) for seq in range(1, 11))))
    before = from_the_start(JournalReader(path)).pack()
    writer.close()
    thin(path, ["r7"])
    reader = JournalReader(path)
    assert points(reader) == []
    assert drawn(reader).pack() == before


def test_every_metric_that_is_shown_has_its_curve() -> None:
    assert tuple(metric.key for metric in METRICS) == CHARTED


@pytest.mark.parametrize("stored", [b"", b"\x00", Track().pack()[:-1]])
def test_what_is_no_track_is_refused(stored: bytes) -> None:
    with pytest.raises(ValueError, match="not a packed track"):
        Track.unpack(stored)
