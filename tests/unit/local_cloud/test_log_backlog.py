"""Output that has piled up is taken in pieces, and none of it is lost, cut or given to the wrong call."""

import sqlite3

import pytest

from remote.local_cloud import logs as logs_module
from remote.local_cloud.logs import READ_BYTES, READ_LINES, STDOUT, LogFilter, Logs, LogTail, Origin

LINES = [f"step {n} · loss {n / 7:.6f}\n" for n in range(40_000)]


def origin(call_id: str = "fc-1") -> Origin:
    return Origin(app_id="ap-1", function_id="fu-1", task_id="ta-1", call_id=call_id)


def stored(logs: Logs, call_id: str = "") -> list[str]:
    return [row["data"] for row in logs.after(LogFilter(call_id=call_id), 0, 1_000_000)]


@pytest.fixture
def logs(store):
    return Logs(store)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stdout"


@pytest.fixture
def current():
    return {"call": "fc-1"}


@pytest.fixture
def tail(path, logs, current):
    return LogTail(path, STDOUT, logs, lambda: origin(current["call"]))


@pytest.fixture
def pieces(logs, monkeypatch):
    """The lines of each addition."""
    seen, add = [], logs.add

    def noted(origin, fd, lines, read=None):
        seen.append(lines)
        add(origin, fd, lines, read)

    monkeypatch.setattr(logs, "add", noted)
    return seen


@pytest.mark.parametrize("text", ["".join(LINES), "\n" * 100_000, "x" * 1_000_000 + "\n", "é" * 500_000])
def test_no_piece_is_larger_than_one_read_may_be(text, path, tail, pieces):
    path.write_text(text)
    tail.read()
    assert len(pieces) == 1
    for _ in tail.rest():
        pass
    assert all(len("".join(lines).encode()) <= READ_BYTES + 4 for lines in pieces)
    assert max(map(len, pieces)) <= READ_LINES


def test_all_that_was_printed_is_taken_and_no_line_is_cut_between_two_pieces(path, tail, logs, pieces):
    path.write_text("".join(LINES) + "unfinished")
    for _ in tail.rest():
        pass
    assert stored(logs) == [*LINES, "unfinished"]
    assert len(pieces) > 4
    assert logs.offset(path) == 0


def test_whoever_takes_the_rest_can_do_something_else_after_each_piece(path, tail, logs, pieces):
    path.write_text("".join(LINES))
    done = [len(pieces) for _ in tail.rest()]
    assert done == list(range(1, len(pieces) + 1))
    assert stored(logs) == LINES


def test_a_look_between_two_pieces_of_the_rest_takes_nothing_twice(path, tail, logs):
    path.write_text("".join(LINES))
    for _ in tail.rest():
        tail.read()
    assert stored(logs) == LINES


def test_the_rest_is_over_although_a_child_left_behind_goes_on_printing(path, tail, logs):
    path.write_text("".join(LINES))
    for turn, _ in enumerate(tail.rest()):
        assert turn < 100
        with path.open("a") as file:
            file.write("from a child\n")
        tail.read()
    assert stored(logs)[: len(LINES)] == LINES


def test_a_file_that_is_removed_meanwhile_ends_the_rest(path, tail):
    path.write_text("".join(LINES))
    for _ in tail.rest():
        path.unlink(missing_ok=True)


def test_the_next_daemon_goes_on_where_the_rest_was_left(path, tail, logs):
    path.write_text("".join(LINES))
    next(tail.rest())
    for _ in LogTail(path, STDOUT, logs, origin).rest():
        pass
    assert stored(logs) == LINES


def test_what_one_call_printed_stays_its_own_though_it_is_taken_after_the_next_began(
    path, tail, logs, current
):
    path.write_text("".join(LINES) + "begun by one, ")
    tail.read()
    for call, text in (("fc-2", "ended by two\nsecond\n"), ("fc-3", "third\n")):
        current["call"] = call
        with path.open("a") as file:
            file.write(text)
        tail.read()
    for _ in tail.rest():
        pass
    assert stored(logs, "fc-1") == LINES
    assert stored(logs, "fc-2") == ["begun by one, ended by two\n", "second\n"]
    assert stored(logs, "fc-3") == ["third\n"]


def test_lines_that_could_not_be_stored_are_taken_by_the_next_look(path, tail, logs, monkeypatch):
    path.write_text("one\n")

    def fail(*given):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(logs, "add", fail)
    with pytest.raises(sqlite3.OperationalError):
        tail.read()
    monkeypatch.undo()
    tail.read()
    assert stored(logs) == ["one\n"]


def test_many_lines_are_few_statements_and_stay_in_order(store, logs):
    statements: list[str] = []
    store.db.set_trace_callback(statements.append)
    logs.add(origin(), STDOUT, [*LINES[:READ_LINES], "nul \0 stays\n"])
    store.db.set_trace_callback(None)
    assert len(statements) < READ_LINES / 100
    rows = logs.after(LogFilter(), 0, READ_LINES * 2)
    assert [row["data"] for row in rows] == [*LINES[:READ_LINES], "nul \0 stays\n"]
    assert {(row["app_id"], row["call_id"], row["input_id"], row["fd"]) for row in rows} == {
        ("ap-1", "fc-1", "", STDOUT)
    }


def test_old_lines_are_deleted_a_few_at_a_time(store, logs, monkeypatch):
    monkeypatch.setattr(logs_module, "KEPT_PER_APP", 1_000)
    monkeypatch.setattr(logs_module, "PRUNED_LINES", 40, raising=False)
    logs.add(Origin(app_id="ap-2", function_id="fu-2", task_id="ta-2"), STDOUT, ["another app's\n"])
    most, before = 0, 0
    for at in range(0, 6_000, 30):
        logs.add(origin(), STDOUT, LINES[at : at + 30])
        now = len(stored(logs))
        most, before = max(most, before + 30 - now), now
    own = [line for line in stored(logs) if line in set(LINES)]
    assert own == LINES[6_000 - len(own) : 6_000]
    assert 1_000 <= len(own) <= 1_200
    assert 0 < most <= 40
    assert "another app's\n" in stored(logs)
