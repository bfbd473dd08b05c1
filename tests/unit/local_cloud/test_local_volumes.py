"""Volumes: what a container sees, what a commit publishes, which paths are refused."""

import asyncio
import errno
import mmap
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.local_cloud import durable
from remote.local_cloud.blobs import Addition, ObjectStore
from remote.local_cloud.volumes import UNUSED_SECONDS, VolumePathError, Volumes, clean_path
from remote.local_cloud.working_copy import Committed


@pytest.fixture
def volumes(store, tmp_path):
    return Volumes(store, ObjectStore(tmp_path / "contents"), tmp_path / "working")


@pytest.fixture
def volume(volumes):
    return volumes.create("v", 2)


def contents(volumes, volume):
    return {f.path: volumes._objects.path(f.sha).read_text() for f in volumes.files(volume)}


async def test_a_container_sees_its_own_writes_and_others_only_after_commit_and_reload(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    two = await volumes.open_working_copy("ta-2", volume)
    (one / "a").write_text("one")
    assert contents(volumes, volume) == {}
    await volumes.commit("ta-1", volume)
    assert contents(volumes, volume) == {"a": "one"}
    assert not (two / "a").exists()
    await volumes.reload("ta-2", volume)
    assert (two / "a").read_text() == "one"


async def test_the_last_writer_of_a_file_wins_and_other_files_stay(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    two = await volumes.open_working_copy("ta-2", volume)
    (one / "both").write_text("one")
    (one / "mine").write_text("one")
    (two / "both").write_text("two")
    await volumes.commit("ta-1", volume)
    await volumes.commit("ta-2", volume)
    assert contents(volumes, volume) == {"both": "two", "mine": "one"}


async def test_what_was_not_committed_is_lost_with_the_container(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "kept").write_text("kept")
    await volumes.commit("ta-1", volume)
    (one / "lost").write_text("lost")
    await volumes.discard("ta-1")
    again = await volumes.open_working_copy("ta-2", volume)
    assert sorted(path.name for path in again.iterdir()) == ["kept"]


async def test_a_container_that_dies_in_a_commit_takes_no_committed_file_with_it(
    volumes, volume, monkeypatch
):
    """Its files go while the commit still looks at them: they must not be taken for deleted."""
    one = await volumes.open_working_copy("ta-1", volume)
    for name in ("a", "b", "c"):
        (one / name).mkdir()
        (one / name / "weights").write_text(name)
    await volumes.commit("ta-1", volume)
    (one / "new").write_text("new")
    add, hashing, on = Addition.add, threading.Event(), threading.Event()

    def slowly(self, source):
        hashing.set()
        on.wait(5)
        return add(self, source)

    monkeypatch.setattr(Addition, "add", slowly)
    commit = asyncio.create_task(volumes.commit("ta-1", volume, asked=False))
    await asyncio.to_thread(hashing.wait, 5)
    gone = asyncio.create_task(volumes.discard("ta-1"))
    await asyncio.sleep(0.1)
    on.set()
    await asyncio.gather(commit, gone)
    assert {file.path for file in volumes.files(volume)} >= {"a/weights", "b/weights", "c/weights"}
    assert not one.exists()
    with pytest.raises(KeyError):
        await volumes.commit("ta-1", volume, asked=False)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EIO])
async def test_a_file_that_cannot_be_stored_is_not_taken_for_deleted(volumes, volume, monkeypatch, number):
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "weights").write_text("first")
    await volumes.commit("ta-1", volume)
    (one / "weights").write_text("second")

    def fail(self, source):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Addition, "add", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        await volumes.commit("ta-1", volume)
    monkeypatch.undo()
    assert contents(volumes, volume) == {"weights": "first"}
    await volumes.commit("ta-1", volume)
    assert contents(volumes, volume) == {"weights": "second"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_a_file_that_may_not_be_read_fails_the_commit(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "weights").write_text("first")
    await volumes.commit("ta-1", volume)
    (one / "weights").write_text("second")
    (one / "weights").chmod(0)
    with pytest.raises(PermissionError):
        await volumes.commit("ta-1", volume)
    assert contents(volumes, volume) == {"weights": "first"}


async def test_what_is_written_by_a_memory_map_after_a_look_in_the_background_is_committed(volumes, volume):
    """Only the first write to a page changes the file's time."""
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "weights").write_bytes(b"0" * 4096)
    await volumes.commit("ta-1", volume)
    with (one / "weights").open("r+b") as file, mmap.mmap(file.fileno(), 4096) as written:
        written[:1] = b"1"
        await volumes.commit("ta-1", volume, asked=False)
        before = (one / "weights").stat().st_mtime_ns
        written[1:2] = b"2"
        written.flush()
        assert (one / "weights").stat().st_mtime_ns == before
        await volumes.commit("ta-1", volume)
    assert contents(volumes, volume)["weights"][:2] == "12"


async def test_a_reload_keeps_the_containers_own_changes(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "a").write_text("first")
    await volumes.commit("ta-1", volume)
    two = await volumes.open_working_copy("ta-2", volume)
    (two / "a").write_text("mine, not committed")
    (one / "a").write_text("second")
    await volumes.commit("ta-1", volume)
    await volumes.reload("ta-2", volume)
    assert (two / "a").read_text() == "mine, not committed"


async def test_a_deleted_file_is_gone_after_the_commit_unless_another_has_written_it_meanwhile(
    volumes, volume
):
    one = await volumes.open_working_copy("ta-1", volume)
    for name in ("gone", "rewritten"):
        (one / name).write_text("old")
    await volumes.commit("ta-1", volume)
    two = await volumes.open_working_copy("ta-2", volume)
    (two / "rewritten").write_text("new")
    await volumes.commit("ta-2", volume)
    (one / "gone").unlink()
    (one / "rewritten").unlink()
    await volumes.commit("ta-1", volume)
    assert contents(volumes, volume) == {"rewritten": "new"}


async def test_an_in_place_change_of_equal_size_is_committed(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "a").write_text("old")
    await volumes.commit("ta-1", volume)
    (one / "a").write_text("new")
    os.utime(one / "a", ns=(1, 1))
    await volumes.commit("ta-1", volume)
    assert contents(volumes, volume) == {"a": "new"}


async def test_a_repeated_commit_changes_nothing(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "a").write_text("a")
    first = await volumes.commit("ta-1", volume)
    again = await volumes.commit("ta-1", volume)
    assert (first.files, again.files) == (1, 0)


async def test_commits_at_the_same_time_take_turns(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "a").write_text("a")
    results = await asyncio.gather(*(volumes.commit("ta-1", volume) for _ in range(5)))
    assert sorted(result.files for result in results) == [0, 0, 0, 0, 1]


async def test_a_link_that_leaves_the_volume_is_not_committed(volumes, volume, tmp_path):
    (tmp_path / "secret").write_text("secret")
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "link").symlink_to(tmp_path / "secret")
    await volumes.commit("ta-1", volume)
    assert contents(volumes, volume) == {}


async def test_contents_that_no_file_needs_are_deleted_after_a_while_and_others_never(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "kept").write_text("kept")
    (one / "dropped").write_text("dropped")
    await volumes.commit("ta-1", volume)
    dropped = next(file for file in volumes.files(volume) if file.path == "dropped")
    (one / "dropped").unlink()
    await volumes.commit("ta-1", volume)
    assert volumes.collect() == 0
    for file in (volumes._objects.path(name) for name in (dropped.sha,)):
        os.utime(file, (0, time.time() - UNUSED_SECONDS - 1))
    assert volumes.collect() == 1
    assert contents(volumes, volume) == {"kept": "kept"}


@pytest.mark.parametrize("path", ["../up", "a/../../up", "/", "", "a\0b", "x" * 5000])
def test_a_path_that_leaves_the_volume_is_refused(path, volumes, volume):
    with pytest.raises(VolumePathError):
        volumes.put(volume, [Committed(path, "0" * 64, 0, 0.0, 0o600)])


@given(st.text(max_size=60))
def test_a_clean_path_stays_inside_and_is_clean_already(path):
    try:
        cleaned = clean_path(path)
    except VolumePathError:
        return
    assert not cleaned.startswith("/")
    assert ".." not in cleaned.split("/")
    assert clean_path(cleaned) == cleaned


async def test_a_commit_reads_only_what_has_changed(volumes, volume, monkeypatch):
    root = await volumes.open_working_copy("ta-1", volume)
    for n in range(50):
        (root / f"f{n}").write_text(str(n))
    await volumes.commit("ta-1", volume)
    read = []
    add = Addition.add
    monkeypatch.setattr(
        Addition, "add", lambda self, file: read.append(Path(file.name).name) or add(self, file)
    )
    (root / "f7").write_text("changed")
    result = await volumes.commit("ta-1", volume)
    assert (read, result.files) == (["f7"], 1)


@pytest.mark.parametrize("count", [1, 2, durable.ONE_BY_ONE + 1])
async def test_contents_are_on_the_disk_before_they_have_their_names(volumes, volume, monkeypatch, count):
    """The machine may stop at any instant: a name must never stand for contents that are not all there."""
    root = await volumes.open_working_copy("ta-1", volume)
    for n in range(count):
        (root / f"f{n}").write_text(str(n))
    sync, seen = durable.sync, []

    def look_and_sync(paths):
        seen.append((len(paths), len(list(volumes._objects._directory.glob("*/*")))))
        sync(paths)

    monkeypatch.setattr(durable, "sync", look_and_sync)
    await volumes.commit("ta-1", volume)
    assert seen == [(count, 0)]
    assert contents(volumes, volume) == {f"f{n}": str(n) for n in range(count)}


async def test_a_disk_that_fails_publishes_nothing_and_leaves_nothing_behind(volumes, volume, monkeypatch):
    root = await volumes.open_working_copy("ta-1", volume)
    (root / "f").write_text("x")

    def fail(paths):
        raise OSError("no space left")

    monkeypatch.setattr(durable, "sync", fail)
    with pytest.raises(OSError, match="no space"):
        await volumes.commit("ta-1", volume)
    monkeypatch.undo()
    assert volumes.files(volume) == []
    assert list(volumes._objects._directory.iterdir()) == []
    await volumes.commit("ta-1", volume)
    assert contents(volumes, volume) == {"f": "x"}


def test_what_a_killed_daemon_was_storing_is_removed_by_the_next(tmp_path):
    objects = ObjectStore(tmp_path / "contents")
    addition = Addition(tmp_path / "contents")
    (tmp_path / "f").write_text("x")
    with (tmp_path / "f").open("rb") as source:
        addition.add(source)
    objects.put("0" * 64, b"kept")
    assert len(list((tmp_path / "contents").iterdir())) == 2
    again = ObjectStore(tmp_path / "contents")
    assert [path.name for path in (tmp_path / "contents").iterdir()] == ["00"]
    assert again.has("0" * 64)


async def test_a_file_that_is_in_use_is_replaced_and_never_written_in_place(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    (one / "a").write_text("first")
    await volumes.commit("ta-1", volume)
    two = await volumes.open_working_copy("ta-2", volume)
    with (two / "a").open() as opened:
        (one / "a").write_text("second")
        await volumes.commit("ta-1", volume)
        await volumes.reload("ta-2", volume)
        assert opened.read() == "first"
    assert (two / "a").read_text() == "second"


async def test_where_one_writes_a_file_and_another_a_directory_the_last_one_wins(volumes, volume):
    one = await volumes.open_working_copy("ta-1", volume)
    two = await volumes.open_working_copy("ta-2", volume)
    (one / "name").mkdir()
    (one / "name" / "inside").write_text("one")
    await volumes.commit("ta-1", volume)
    (two / "name").write_text("two")
    await volumes.commit("ta-2", volume)
    assert contents(volumes, volume) == {"name": "two"}
    three = await volumes.open_working_copy("ta-3", volume)
    assert (three / "name").read_text() == "two"
    await volumes.reload("ta-1", volume)
    assert (one / "name").read_text() == "two"
    (one / "name").unlink()
    (one / "name").mkdir()
    (one / "name" / "inside").write_text("again")
    await volumes.commit("ta-1", volume)
    assert contents(volumes, volume) == {"name/inside": "again"}


async def test_a_reload_does_not_follow_a_link_out_of_the_volume(volumes, volume, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    one = await volumes.open_working_copy("ta-1", volume)
    two = await volumes.open_working_copy("ta-2", volume)
    (two / "folder").symlink_to(outside)
    (two / "file").symlink_to(outside / "file")
    (one / "folder").mkdir()
    (one / "folder" / "a").write_text("a")
    (one / "file").write_text("b")
    await volumes.commit("ta-1", volume)
    await volumes.reload("ta-2", volume)
    assert list(outside.iterdir()) == []
    assert (two / "folder" / "a").read_text() == "a"


@pytest.mark.parametrize("volume_id", ["../outside", "/etc", "vo-unknown", "", "vo-\0"])
async def test_a_volume_that_does_not_exist_has_no_copy(volumes, volume_id, tmp_path):
    for use in (volumes.open_working_copy, volumes.commit, volumes.reload):
        with pytest.raises(KeyError):
            await use("ta-1", volume_id)
    assert not (tmp_path / "outside").exists()


async def test_a_name_that_is_no_text_is_passed_over(volumes, volume):
    root = await volumes.open_working_copy("ta-1", volume)
    (root / "plain").write_text("plain")
    os.close(os.open(os.fsencode(root) + b"/\xff", os.O_CREAT))
    await volumes.commit("ta-1", volume)
    assert contents(volumes, volume) == {"plain": "plain"}
