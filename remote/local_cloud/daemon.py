"""The process that serves one local cloud, and starting and ending it from outside.

`serve` runs in the foreground; `up` starts it detached and waits until it answers; `down` ends it
and every container that it started, also when the daemon itself was killed. One daemon a directory:
a lock that dies with its holder.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from grpclib.server import Server

from remote.local_cloud import mount_paths, processes
from remote.local_cloud.cloud import Cloud
from remote.local_cloud.fault_control import FaultControl
from remote.local_cloud.places import Places, write_private
from remote.local_cloud.rpc.area import Peer

log = logging.getLogger(__name__)

START_SECONDS = 30.0
END_SECONDS = 60.0
ORPHAN_GRACE = 2.0
POLL_SECONDS = 0.05
LOCK_TRIES = 5
_ENDING = (signal.SIGTERM, signal.SIGINT)


class DaemonError(RuntimeError):
    """The daemon cannot be started or ended, with the reason in words."""


def serve(places: Places) -> None:
    """Serve until SIGTERM or SIGINT. Raises DaemonError if another daemon has the directory."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    os.umask(0o077)
    places.prepare()
    with _lock(places):
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
        logging.getLogger("grpclib").setLevel(logging.WARNING)  # it reports every cancelled long poll
        asyncio.run(_serve(places))


async def _serve(places: Places) -> None:
    ended = asyncio.Event()
    for number in _ENDING:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    sockets = places.sockets()
    control = sockets / "control.sock"
    client_content = _client_content(places, control)
    cloud = Cloud(places.state, sockets, places.token())
    await cloud.start()
    control.unlink(missing_ok=True)
    server = Server([cloud.service.for_peer(Peer())])
    await server.start(path=str(control))
    control.chmod(0o600)
    faults = FaultControl(cloud, sockets / "faults.sock")
    await faults.start()
    write_private(places.client_file, json.dumps(client_content))
    status = asyncio.create_task(_write_status(places, cloud))
    await ended.wait()
    places.client_file.unlink(missing_ok=True)
    status.cancel()
    await faults.close()
    server.close()
    await cloud.stop()
    control.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: somebody else's
        sockets.rmdir()


def _client_content(places: Places, control: Path) -> dict[str, Any]:
    """What a client sets before it imports modal; an empty config file keeps a real token out."""
    config = places.state / "modal.toml"
    write_private(config, "")
    token_id, token_secret = places.token()
    return {
        "environment": {
            "MODAL_SERVER_URL": f"unix://{control}",
            "MODAL_TOKEN_ID": token_id,
            "MODAL_TOKEN_SECRET": token_secret,
            "MODAL_CONFIG_PATH": str(config),
            "MODAL_ENVIRONMENT": "main",
        },
        "pid": os.getpid(),
        "pid_mark": processes.start_mark(os.getpid()),
        "pid_created": psutil.Process().create_time(),
        "started_at": time.time(),
    }


async def _write_status(places: Places, cloud: Cloud) -> None:
    """Keep `status.json` current for `status`: a reader needs no connection."""
    while True:
        live = cloud.containers.live.values()
        content = {
            "at": time.time(),
            "containers": sum(1 for c in live if not c.is_spare),
            "spares_ready": sum(1 for c in live if c.parked),
            "templates": cloud.templates.report(),
            "inputs_open": cloud.calls.count_open(),
            "unimplemented": dict(cloud.service.unimplemented),
            "faults": cloud.fault_plan.report(),
            "mounts": cloud.mount_paths.report(),
        }
        try:
            write_private(places.status_file, json.dumps(content))
        except OSError as error:
            log.warning("status.json could not be written: %s", error)
        await asyncio.sleep(2.0)


def running(places: Places) -> int | None:
    """The pid of this directory's daemon, None if none runs."""
    client = places.client()
    if client is None or not processes.is_alive(client["pid"], client.get("pid_mark", "")):
        return None
    pid: int = client["pid"]
    return pid


def up(places: Places) -> bool:
    """Start a daemon if none runs; True if this call started it."""
    if running(places):
        return False
    places.prepare()
    process = None
    try:
        with _signals_held():
            process = _spawn(places)
        return _wait_for_start(places, process)
    except BaseException:
        if process is not None:
            process.terminate()
            process.wait(END_SECONDS)
        raise


def _spawn(places: Places) -> subprocess.Popen[bytes]:
    with places.log_file.open("ab") as log:
        places.log_file.chmod(0o600)
        return subprocess.Popen(
            [sys.executable, "-m", "remote.local_cloud", "serve", "--state", str(places.state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=_own_environment(),
            cwd="/",
        )


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Keep Ctrl-C out of the moment in which a process is started and not yet known; `serve` lets
    the signals, which the new process has inherited as blocked, through again."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait_for_start(places: Places, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if pid := running(places):
            return pid == process.pid
        if process.poll() is not None and not _is_locked(places):
            break
        time.sleep(POLL_SECONDS)
    raise DaemonError(f"the local cloud did not start; its last words:\n{_last_words(places.log_file)}")


def down(places: Places) -> bool:
    """End the daemon and all that it started; True if there was anything to end."""
    deadline = time.monotonic() + END_SECONDS
    while (pid := running(places)) is None:
        if not _is_locked(places):
            return _end_orphans(places)
        _pause_until(deadline, f"the local cloud of {places.state} neither starts nor ends")
    mark = processes.start_mark(pid) or ""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    while processes.is_alive(pid, mark):
        _pause_until(deadline, f"the local cloud (pid {pid}) did not end within {END_SECONDS:.0f} s")
    return True


def _pause_until(deadline: float, complaint: str) -> None:
    if time.monotonic() > deadline:
        raise DaemonError(complaint)
    time.sleep(POLL_SECONDS)


def _end_orphans(places: Places) -> bool:
    """End containers whose daemon was killed; without it they can commit nothing, so the grace is
    short. Their inputs are kept for the next daemon."""
    if not places.database.exists():
        return False
    with contextlib.closing(sqlite3.connect(places.database)) as db:
        query = "SELECT pid, pid_mark FROM tasks WHERE finished_at IS NULL"
        orphans = [(pid, mark) for pid, mark in db.execute(query) if processes.is_alive(pid, mark)]
        db.execute("UPDATE tasks SET preempted=1 WHERE finished_at IS NULL")
        db.commit()
    for pid, _ in orphans:
        processes.interrupt(pid)
    deadline = time.monotonic() + ORPHAN_GRACE
    while any(processes.is_alive(*orphan) for orphan in orphans) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for pid, mark in orphans:
        if processes.is_alive(pid, mark):
            processes.kill_group(pid)
    processes.kill_strays(places.containers, but=())
    with contextlib.closing(sqlite3.connect(places.database, isolation_level=None)) as db:
        mount_paths.remove_left_over(db)
    return bool(orphans)


def _own_environment() -> dict[str, str]:
    """The daemon's environment: ours, and where this very package is found from any directory."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _last_words(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return "\n".join(lines[-5:])


@contextlib.contextmanager
def _lock(places: Places) -> Iterator[None]:
    with places.lock_file.open("w") as file:
        for left in reversed(range(LOCK_TRIES)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if not left:
                    raise DaemonError(f"another local cloud serves {places.state}") from error
                time.sleep(POLL_SECONDS)
        yield


def _is_locked(places: Places) -> bool:
    """Whether a daemon has the directory; asked with a lock held for a moment, which a start
    gets over by trying again."""
    try:
        with places.lock_file.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
