"""The process that containers of one class are forked from: a script that knows Modal's client alone.

It imports the app's class, runs its ``enter(snap=True)`` hooks, and forks a container whenever the
daemon asks. In each fork Modal's entrypoint runs unmodified, from its ``__main__`` on; one name that
it imports is replaced first, so that it gets the class which is loaded already. As with Modal's
snapshots, what was random before the fork is the same in every container. It imports nothing of ours:
the app's code may have a package of our name. It is refused what a fork would break: a second thread
(a fork has only one, and the locks of the others stay locked), CUDA, a connection, an event loop.

A line of JSON each, on the socket that LOCAL_CLOUD_TEMPLATE_SOCKET names:

    ← {"ready": {"import": ms, "enter": ms}}  or  {"refused": "why"}
    → {"fork": {"environment": …, "directory": …, "mounts": [[path, directory, read only]…]}}
    ← {"forked": pid}  or  {"refused": "why"}
    → {"reap": pid}
    ← {"code": n}       of a fork that has ended; a negative one is a signal
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import inspect
import json
import os
import runpy
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

ENTRYPOINT = "modal._container_entrypoint"
MINOR = "1.6"
"""The minor version of modal whose internals these are."""
PARAMETERS = (
    *("function_def", "service_function_hydration_data", "class_id", "_client"),
    *("ser_user_cls", "cls_args", "cls_kwargs"),
)
TASKS = "/proc/self/task"
DESCRIPTORS = "/proc/self/fd"
NEW_VIEW, NEW_USER = 0x00020000, 0x10000000
BIND, PRIVATE_BELOW, READ_ONLY = 0x1000, 0x4000 | 0x40000, 0x1000 | 0x20 | 0x1
KEPT, ST_RELATIME, RELATIME = 0x2 | 0x4 | 0x8 | 0x400 | 0x800, 0x1000, 0x200000
"""Mount flags that have the same number in statvfs (nosuid, nodev, noexec, noatime, nodiratime), and the one
that has another."""


class RefusedError(Exception):
    """This class cannot be forked, with the reason in words."""


class NoEventLoop:
    """What Modal is given to run asynchronous hooks on: a loop would not survive the fork."""

    def run(self, coroutine: Any) -> NoReturn:
        """Refuse."""
        coroutine.close()
        raise RefusedError("an enter(snap=True) hook is asynchronous")


class OwnErrors:
    """What Modal reports the errors of hooks to: they are ours to report."""

    def handle_task_lifecycle_exception(self) -> contextlib.AbstractContextManager[None]:
        """Let them through."""
        return contextlib.nullcontext()


def main() -> None:
    """Load, then fork until the daemon is gone; in a fork, be its container."""
    control = socket.socket(socket.AF_UNIX)
    control.connect(os.environ.pop("LOCAL_CLOUD_TEMPLATE_SOCKET"))
    began = time.monotonic()
    try:
        service = load()
        imported = time.monotonic()
        enter = service.lifecycle_presnapshot(NoEventLoop(), OwnErrors())
        enter.__enter__()
        if why := unsafe(control):
            raise RefusedError(why)
    except RefusedError as refused:
        give_up(control, str(refused))
    except Exception as error:
        traceback.print_exc()
        give_up(control, f"{type(error).__name__}: {error}")
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page that it marks
    spent = {"import": imported - began, "enter": time.monotonic() - imported}
    say(control, {"ready": {name: round(seconds * 1000) for name, seconds in spent.items()}})
    be_container(serve(control), service)


def load() -> Any:
    """Modal's service object for the class that the arguments name, imported without a client."""
    from modal._runtime import execution_context, user_code_imports
    from modal._serialization import deserialize_params
    from modal_proto import api_pb2

    no_client: Any = None
    if why := unlike_expected(user_code_imports):
        raise RefusedError(why)
    with open(os.environ["MODAL_CONTAINER_ARGUMENTS_PATH"], "rb") as file:
        arguments = api_pb2.ContainerArguments.FromString(file.read())
    definition = arguments.function_def
    if not definition.is_class or definition.definition_type == api_pb2.Function.DEFINITION_TYPE_SERIALIZED:
        raise RefusedError("only a class of a module can be loaded without a client")
    positional, named = (), {}
    if arguments.serialized_params:
        positional, named = deserialize_params(arguments.serialized_params, definition, no_client)
    importlib.import_module(ENTRYPOINT)  # for what it imports; each fork runs it anew
    del sys.modules[ENTRYPOINT]
    importing: Any = execution_context._import_context
    with importing():
        return user_code_imports.import_class_service(
            definition, no_client, "", no_client, None, positional, named
        )


def unlike_expected(internals: Any) -> str | None:
    """In what the installed client differs from the one whose internals are known here."""
    import modal

    if not modal.__version__.startswith(f"{MINOR}."):
        return f"modal is {modal.__version__}, and {MINOR} is known here"
    found = tuple(inspect.signature(internals.import_class_service).parameters)
    if found != PARAMETERS or not hasattr(internals.ImportedClass, "lifecycle_presnapshot"):
        return f"modal {modal.__version__} loads classes in another way than the one known here"
    return None


def unsafe(control: socket.socket) -> str | None:
    """Why a fork of this process, as it is now, could hang or share what must not be shared."""
    threads = len(os.listdir(TASKS)) if os.path.exists(TASKS) else threading.active_count()
    if threads > 1:
        return f"{threads} threads run after enter(snap=True), and a fork has one"
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and cuda.is_initialized():
        return "enter(snap=True) has initialised CUDA, which no fork can use"
    if any(number != control.fileno() for number in _sockets()):
        return "enter(snap=True) has left a connection open, which forks would share"
    return None


def _sockets() -> Iterator[int]:
    for entry in os.listdir(DESCRIPTORS) if os.path.exists(DESCRIPTORS) else ():
        with contextlib.suppress(OSError):
            if os.readlink(f"{DESCRIPTORS}/{entry}").startswith("socket:"):
                yield int(entry)


def serve(control: socket.socket) -> dict[str, Any]:
    """Answer the daemon until it is gone; return in a fork, with what the fork shall be."""
    with control, control.makefile("rb") as lines:
        for line in lines:
            request = json.loads(line)
            if "reap" in request:
                _, status = os.waitpid(request["reap"], 0)
                say(control, {"code": os.waitstatus_to_exitcode(status)})
            elif why := unsafe(control):
                say(control, {"refused": why})
            elif pid := fork():
                say(control, {"forked": pid})
            else:
                return dict(request["fork"])
    os._exit(0)


def fork() -> int:
    """The pid of a fork that leads a session of its own; 0 in it."""
    sys.stdout.flush()
    sys.stderr.flush()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
    os.close(tell)
    if pid:
        os.read(told, 1)  # ends when the fork has closed its end
    os.close(told)
    return pid


def be_container(wanted: dict[str, Any], service: Any) -> None:
    """Become what a container is that was started by itself, then be Modal's entrypoint."""
    directory = wanted["directory"]
    for number, name in ((1, "stdout"), (2, "stderr")):
        output = os.open(f"{directory}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, number)
        os.close(output)
    see(wanted["mounts"])
    os.chdir(f"{directory}/work")
    os.environ.clear()
    os.environ.update(wanted["environment"])
    tempfile.tempdir = None
    sys.path.insert(0, os.getcwd())

    from modal._runtime import user_code_imports

    user_code_imports.import_class_service = loaded(service)
    runpy.run_module(ENTRYPOINT, run_name="__main__", alter_sys=True)


def loaded(service: Any) -> Callable[..., Any]:
    """In the place of Modal's `import_class_service`: the class as it is, its first hooks done."""

    def import_class_service(function_def: Any, *rest: Any) -> Any:
        service.function_def = function_def
        service.lifecycle_presnapshot = lambda event_loop, manager: contextlib.nullcontext()
        return service

    return import_class_service


def see(mounts: Iterable[tuple[str, str, bool]]) -> None:
    """See directories at paths where the template has mounts of its own, in a view of our own. OSError."""
    if not mounts:
        return
    c = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if c.unshare(NEW_VIEW) != 0:
        _check(c.unshare(NEW_VIEW | NEW_USER), "a view of its own")
        ids = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, text in ids.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _check(c.mount(b"none", b"/", None, PRIVATE_BELOW, None), "a private view")
    for path, directory, read_only in sorted(mounts):
        os.makedirs(path, exist_ok=True)
        where = os.fsencode(path)
        _check(c.mount(os.fsencode(directory), where, None, BIND, None), path)
        if read_only:
            kept = os.statvfs(path).f_flag  # who may mount here may not take any of these away
            kept = kept & KEPT | (RELATIME if kept & ST_RELATIME else 0)
            _check(c.mount(b"none", where, None, READ_ONLY | kept, None), path)


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def give_up(control: socket.socket, why: str) -> NoReturn:
    """Say why, and end at once: a thread that runs would be waited for."""
    say(control, {"refused": why})
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def say(control: socket.socket, message: dict[str, Any]) -> None:
    """One line to the daemon; nobody hears it if that is gone."""
    with contextlib.suppress(OSError):
        control.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
