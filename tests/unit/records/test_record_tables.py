"""The table in a ``modal.Dict``, with the unmodified client against a real local cloud; and what a pickle
may be that is read without being executed."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_tables import MemoryTable

from remote.records.errors import RecordError
from remote.records.tables import claim, read_dense, unpickle_bytes, unpickle_text

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[str, Any]]:
    """What the scenario saw on a local cloud of its own."""
    home = Path(tempfile.mkdtemp(prefix="mw"))
    (home / "r").mkdir(mode=0o700)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}
    environment |= {
        "XDG_STATE_HOME": str(home / "s"),
        "XDG_RUNTIME_DIR": str(home / "r"),
        "PYTHONPATH": str(ROOT),
    }

    def run(*arguments: str, **extra: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment | extra, cwd=ROOT, capture_output=True, text=True, timeout=170,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        run("-m", "remote.local_cloud", "up")
        client = json.loads(run("-m", "remote.local_cloud", "env", "--json"))
        yield json.loads(run("tests/unit/records/table_scenario.py", str(home), **client).splitlines()[-1])
    finally:
        run("-m", "remote.local_cloud", "down")
        shutil.rmtree(home)


def test_values_are_bytes_of_any_size_and_added_once(seen: dict[str, Any]) -> None:
    assert seen["values"] == {
        "absent": None,
        "added": [True, False],
        "kept": True,
        "big": True,
        "empty": True,
        "overwritten": True,
        "missing table": "TableMissingError",
        "names": ["big", "empty", "k"],
    }


def test_a_hostile_value_is_refused_and_not_executed_as_pickle_loads_would(seen: dict[str, Any]) -> None:
    found = seen["hostile"]
    assert set(found["refused"].values()) | set(found["also refused"].values()) == {"RecordError"}
    assert found["beside"] == ["RecordError", "bytes", "NoneType"]
    assert found["listed"]
    assert not found["executed"]
    assert found["control executed"]


def test_of_sixteen_threads_one_wins(seen: dict[str, Any]) -> None:
    assert seen["race"] == {"winners": 1, "stored": True}


def test_the_commit_log_lives_in_it(seen: dict[str, Any]) -> None:
    assert seen["log"] == {"positions": True, "resumed": 101, "read": 102, "n": 102}


def test_runs_are_listed_without_the_entries_that_cannot_be_read(seen: dict[str, Any]) -> None:
    assert seen["registry"] == ["r1", "r2"]


def test_events_said_while_the_cloud_is_down_arrive_when_it_is_back(seen: dict[str, Any]) -> None:
    assert seen["through_a_restart"] == {"flushed": [True, False, True], "steps": True}


@given(st.binary(max_size=2000))
def test_every_bytes_object_is_read_back(value: bytes) -> None:
    for protocol in (4, 5):
        assert unpickle_bytes(pickle.dumps(value, protocol)) == value


@given(st.text(max_size=200))
def test_every_string_is_read_back(value: str) -> None:
    assert unpickle_text(pickle.dumps(value, 5)) == value


@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_a_value_or_refused(pickled: bytes) -> None:
    for read in (unpickle_bytes, unpickle_text):
        try:
            read(pickled)
        except RecordError:
            continue


@pytest.mark.parametrize(
    "pickled",
    [
        pickle.dumps(bytearray(b"x"), 5),
        pickle.dumps([b"x"], 5),
        pickle.dumps(os.getcwd, 5),
        b"cos\ngetcwd\n(tR.",
        b"\x80\x05\x82\x01.",  # an extension code
        b"\x80\x05r\xff\xff\xff\xff.",  # a memo of four thousand million places
        b"\x80\x05\x8e\xff\xff\xff\xff\xff\xff\xff\x7fx.",  # a length that nobody has
        b"\x80\x05C\x01xC\x01y.",
        pickle.dumps(b"x" * 100, 5)[:-10],
        b"",
    ],
)
def test_a_pickle_of_anything_else_is_refused(pickled: bytes) -> None:
    with pytest.raises(RecordError):
        unpickle_bytes(pickled)


def test_a_lost_reply_is_decided_by_what_is_stored() -> None:
    class Loses(MemoryTable):
        def add(self, key: str, value: bytes) -> bool:
            super().add(key, value)
            return False

    table = Loses()
    assert claim(table, "k", b"ours") == (True, b"ours")
    assert claim(table, "k", b"theirs") == (False, b"ours")
    assert claim(table, "k", b"later", lambda stored: stored.startswith(b"our")) == (True, b"ours")


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 100])
def test_dense_entries_are_read_to_the_first_hole_and_not_beyond_the_limit(count: int) -> None:
    table = MemoryTable()
    for number in range(1, count + 1):
        table.put(f"k{number}", b"%d" % number)
    table.put(f"k{count + 5}", b"behind the hole")
    found = [number for number, _ in read_dense(table, lambda n: f"k{n}")]
    assert found == list(range(1, count + 1))
    assert [n for n, _ in read_dense(table, lambda n: f"k{n}", 3, limit=2)] == found[2:4]
    assert [n for n, _ in read_dense(table, lambda n: f"k{n}", limit=0)] == []
