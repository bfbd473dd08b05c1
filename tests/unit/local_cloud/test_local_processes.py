"""Processes by pid and start, and their private places."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from remote.local_cloud import faults, processes
from remote.local_cloud.places import MAX_SOCKET_PATH, PlaceError, Places


@pytest.fixture
def sleeper():
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def test_a_process_is_alive_by_its_own_mark_and_not_by_anothers(sleeper):
    mark = processes.start_mark(sleeper.pid)
    assert processes.is_alive(sleeper.pid, mark)
    assert not processes.is_alive(sleeper.pid, processes.start_mark(os.getpid()))


def test_a_process_that_works_in_an_entry_nobody_knows_is_killed_and_others_never(tmp_path):
    started = []
    for name in ("known", "stray"):
        (tmp_path / name / "work").mkdir(parents=True)
        command = [sys.executable, "-c", "print(flush=True); input()"]
        started.append(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path / name / "work"
            )
        )
        started[-1].stdout.readline()
    known, stray = started
    assert processes.kill_strays(tmp_path, {"known"}) == 1
    assert stray.wait(20) == -signal.SIGKILL
    assert known.poll() is None
    known.communicate(b"\n", 20)
    assert known.returncode == 0
    assert processes.kill_strays(tmp_path, {"known"}) == 0


async def test_the_end_of_a_child_is_noticed_with_its_exit_code(sleeper):
    mark = processes.start_mark(sleeper.pid)
    waiting = asyncio.create_task(processes.ended(sleeper.pid, mark, sleeper))
    await asyncio.sleep(0)
    assert not waiting.done()
    processes.kill_group(sleeper.pid)
    assert await asyncio.wait_for(waiting, 20) == -signal.SIGKILL
    assert not processes.is_alive(sleeper.pid, mark)


async def test_the_end_of_a_process_that_is_not_our_child_is_noticed_without_one(sleeper):
    mark = processes.start_mark(sleeper.pid)
    waiting = asyncio.create_task(processes.ended(sleeper.pid, mark, None))
    await asyncio.sleep(0)
    processes.kill_group(sleeper.pid)
    assert await asyncio.wait_for(waiting, 20) is None


def test_a_process_that_is_gone_has_no_mark_and_can_be_signalled_in_vain(sleeper):
    sleeper.kill()
    sleeper.wait()
    assert processes.start_mark(sleeper.pid) is None
    processes.interrupt(sleeper.pid)
    processes.kill_group(sleeper.pid)


def test_places_are_private_and_the_token_is_made_once(tmp_path):
    places = Places(tmp_path / "state")
    places.prepare()
    assert places.state.stat().st_mode & 0o777 == 0o700
    assert places.token() == places.token()
    assert (places.state / "token.json").stat().st_mode & 0o777 == 0o600


def test_sockets_move_to_a_short_directory_when_the_state_is_too_deep(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    places = Places(tmp_path / ("deep" * 30))
    places.prepare()
    sockets = places.sockets()
    assert len(str(sockets)) < MAX_SOCKET_PATH
    assert sockets.stat().st_mode & 0o777 == 0o700
    sockets.rmdir()


def test_a_directory_for_sockets_that_others_can_enter_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    places = Places(tmp_path / "state")
    places.prepare()
    first = places.sockets()
    first.chmod(0o755)
    assert places.sockets() != first


def test_a_place_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PlaceError, match="file"):
        Places(tmp_path / "file" / "state").prepare()


@pytest.mark.parametrize(
    ("text", "grace"),
    [('{"grace": 2.5}', 2.5), ('{"grace": 99}', 30.0), ('{"grace": -1}', 0.0), ('{"gra', None), ("[]", None)],
)
def test_a_preemption_is_taken_once_with_a_grace_in_bounds_and_only_when_whole(tmp_path, text, grace):
    assert faults.take_preemption(tmp_path) is None
    (tmp_path / "preempt").write_text(text)
    assert faults.take_preemption(tmp_path) == grace
    assert (tmp_path / "preempt").exists() == (grace is None)


def test_a_commit_failure_is_taken_once(tmp_path):
    assert not faults.take_commit_failure(tmp_path)
    (tmp_path / "commit_fail_once").touch()
    assert faults.take_commit_failure(tmp_path)
    assert not faults.take_commit_failure(tmp_path)
