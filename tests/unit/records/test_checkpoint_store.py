"""A checkpoint with a name is whole; anything else is not one."""

import os
from pathlib import Path

import pytest

from remote.records.checkpoint_store import CheckpointStore
from remote.records.errors import DamagedCheckpointError


def bytes_of(content: bytes):  # type: ignore[no-untyped-def]
    return lambda path: path.write_bytes(content)


FILES = {"model.safetensors": bytes_of(b"m" * 1000), "state.json": bytes_of(b"{}")}


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


def test_what_was_written_is_verified_and_found(store: CheckpointStore) -> None:
    written = store.write(40, 2, FILES, {"torch": "2.13.0"})
    assert (written.name, written.step, written.bytes) == ("step_00000040.a0002", 40, 1002)
    manifest = store.verify(written.name)
    assert (manifest.step, manifest.attempt, manifest.about) == (40, 2, {"torch": "2.13.0"})
    assert manifest.files["state.json"].size == 2
    assert (store.path(written.name) / "state.json").read_bytes() == b"{}"


def test_names_are_listed_by_step_and_attempt(store: CheckpointStore) -> None:
    for step, attempt in ((20, 1), (10, 1), (20, 10), (20, 2), (100_000_000, 1)):
        store.write(step, attempt, FILES, {})
    assert store.names() == [
        "step_00000010.a0001",
        "step_00000020.a0001",
        "step_00000020.a0002",
        "step_00000020.a0010",
        "step_100000000.a0001",
    ]


def test_a_name_is_never_written_twice(store: CheckpointStore) -> None:
    first, second = store.write(10, 1, FILES, {}), store.write(10, 1, FILES, {})
    assert (first.name, second.name) == ("step_00000010.a0001", "step_00000010.a0001.2")
    assert store.verify(second.name).step == 10


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda path: (path / "state.json").unlink(), "state.json: No such file"),
        (lambda path: (path / "state.json").write_bytes(b"[]"), "state.json has other content"),
        (lambda path: os.truncate(path / "model.safetensors", 999), "999 bytes instead of 1000"),
        (lambda path: (path / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda path: os.truncate(path / "manifest.json", 50), "manifest.json"),
        (
            lambda path: (path / "manifest.json").write_bytes(b'{"step":1,"attempt":1,"files":{}}'),
            "is of 1.a1",
        ),
        (
            lambda path: (path / "manifest.json").write_bytes(
                b'{"step":10,"attempt":1,"files":{"../../x":{"size":1,"sha256":""}}}'
            ),
            "names a file '../../x'",
        ),
    ],
)
def test_damage_is_named(store: CheckpointStore, harm, why: str) -> None:  # type: ignore[no-untyped-def]
    name = store.write(10, 1, FILES, {}).name
    harm(store.path(name))
    with pytest.raises(DamagedCheckpointError, match=f"checkpoint {name} is damaged: .*{why}"):
        store.verify(name)


def test_a_checkpoint_that_is_gone_is_damaged(store: CheckpointStore) -> None:
    with pytest.raises(DamagedCheckpointError, match="the directory is missing"):
        store.verify("step_00000010.a0001")


@pytest.mark.parametrize(
    "name", ["", "..", "../step_00000010.a0001", "step_00000010.a0001/..", ".tmp-x", "x\n"]
)
def test_a_word_out_of_a_table_cannot_lead_out_of_the_store(store: CheckpointStore, name: str) -> None:
    for ask in (store.verify, store.path, store.delete):
        with pytest.raises(DamagedCheckpointError):
            ask(name)


@pytest.mark.parametrize("name", ["../x", "manifest.json", "a/b", "", ".hidden"])
def test_a_file_name_that_is_not_plain_is_refused(store: CheckpointStore, name: str) -> None:
    with pytest.raises(ValueError, match="allowed are plain names"):
        store.write(10, 1, {name: bytes_of(b"")}, {})


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_in_the_middle_leaves_nothing(
    store: CheckpointStore, tmp_path: Path, error: BaseException
) -> None:
    def fails(path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    with pytest.raises(type(error)):
        store.write(10, 1, {"a": bytes_of(b"a"), "b": fails}, {})
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_sweep_removes_what_a_killed_writer_left_and_nothing_else(
    store: CheckpointStore, tmp_path: Path
) -> None:
    name = store.write(10, 1, FILES, {}).name
    left = tmp_path / "checkpoints" / ".tmp-00000020.a0001-x"
    left.mkdir()
    (left / "model.safetensors").write_bytes(b"half")
    assert store.names() == [name]
    assert store.sweep() == [left.name]
    assert os.listdir(tmp_path / "checkpoints") == [name]


def test_delete_takes_a_checkpoint_away_and_may_be_repeated(store: CheckpointStore, tmp_path: Path) -> None:
    name = store.write(10, 1, FILES, {}).name
    store.delete(name)
    store.delete(name)
    assert os.listdir(tmp_path / "checkpoints") == []
