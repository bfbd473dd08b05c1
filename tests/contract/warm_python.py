"""Python processes that have imported the modal client already: forked from one that has done nothing else.

    warm = WarmPython(environment, directory)
    warm.start(["-m", "modal", "app", "list"], where).communicate(timeout=60)

Importing the client and its command line takes most of the time of a short script, and a test run starts
hundreds. What is forked has a fresh ``__main__``, its own output, arguments and directory, and ends as any
interpreter does. The client reads its environment when it is imported, so there is one of these for each.
"""

import contextlib
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Mapping, Sequence
from pathlib import Path

MOST = 1 << 20


class Forked:
    """A process of a `WarmPython`, with as much of `subprocess.Popen` as is needed."""

    def __init__(self, connection: socket.socket, streams: list[int]) -> None:
        self._told, self._streams = connection.makefile(), streams
        connection.close()
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for its end: what it has printed, and to stderr. It is killed when that takes too long."""
        with self._told, contextlib.ExitStack() as stack:
            for stream in self._streams:
                stack.callback(os.close, stream)
            try:
                out, errors = read_all(self._streams, time.monotonic() + timeout)
            except TimeoutError:
                os.kill(self.pid, signal.SIGKILL)
                raise
            self.returncode = int(self._told.readline())
        return out.decode(), errors.decode()


def read_all(streams: Sequence[int], deadline: float) -> list[bytes]:
    """Everything from each stream until its end. TimeoutError."""
    found = {stream: bytearray() for stream in streams}
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("it did not end in time")
            for key, _ in ready:
                chunk = os.read(key.fd, MOST)
                found[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
    return [bytes(part) for part in found.values()]


class WarmPython:
    """One process to fork from; it ends with us, or when it is closed."""

    def __init__(self, environment: Mapping[str, str], directory: Path) -> None:
        self.environment = dict(environment)
        self._path = directory / "warm.sock"
        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self._path))
            listener.listen()
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(listener.fileno())],
                env=self.environment,
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
            )

    def start(self, words: Sequence[str], directory: Path) -> Forked:
        """Start ``python`` with these words: ``-c`` or ``-m``, a program, and its arguments."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._path))
        pipes = [os.pipe() for _ in range(2)]
        request = json.dumps([list(words), str(directory)]).encode()
        socket.send_fds(connection, [len(request).to_bytes(4, "big")], [writing for _, writing in pipes])
        connection.sendall(request)
        for _, writing in pipes:
            os.close(writing)
        return Forked(connection, [reading for reading, _ in pipes])

    def run(self, words: Sequence[str], directory: Path, timeout: float) -> subprocess.CompletedProcess[str]:
        """Start and wait; TimeoutError."""
        process = self.start(words, directory)
        out, errors = process.communicate(timeout)
        return subprocess.CompletedProcess(list(words), process.returncode or 0, out, errors)

    def close(self) -> None:
        """End it; what was forked from it goes on."""
        self._process.kill()
        self._process.communicate()


def serve(listener: socket.socket) -> list[str]:
    """Fork for each request; this returns in what was forked, with the words of its request."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        while True:
            if any(key.fd == 0 for key, _ in selector.select()):
                os._exit(0)
            connection, _ = listener.accept()
            if os.fork() == 0:
                break
            connection.close()
    listener.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return attend(connection)


def attend(connection: socket.socket) -> list[str]:
    """Read a request, fork once more for it, and tell how that has ended."""
    size, streams, _, _ = socket.recv_fds(connection, 4, 2)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += connection.recv(MOST)
    words, directory = json.loads(request)
    pid = os.fork()
    if pid:
        connection.sendall(f"{pid}\n".encode())
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    connection.close()
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(directory)
    return list(words)


def become(kind: str, program: str, *arguments: str) -> None:
    """Be what ``python -c`` or ``python -m`` is."""
    sys.argv = [kind, *arguments]
    if kind == "-m":
        sys.path[0] = os.getcwd()
        runpy.run_module(program, run_name="__main__", alter_sys=True)
        return
    sys.path[0] = ""
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(program, "<string>", "exec"), main.__dict__)


if __name__ == "__main__":
    importlib.import_module("modal.cli.entry_point")
    become(*serve(socket.socket(fileno=int(sys.argv[1]))))
