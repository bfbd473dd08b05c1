"""``python -m remote.local_cloud fault …``: asks the running daemon for a fault on purpose.

fault preempt TASK [--grace S]      interrupt, grace, kill; the same input again elsewhere
fault kill TASK                     SIGKILL, as when the machine fails
fault gpu-lost TASK                 the same, said to be a lost GPU
fault preempt-rate PER_HOUR         each running container, at random
fault commit-fail VOLUME [--times N]
fault commit-slow VOLUME SECONDS
fault stale-reload VOLUME           reloads bring nothing new
fault no-capacity [SECONDS]         no container starts; for ever, if no time is given
fault slow-network MS               every request takes so much longer
fault clock-jump SECONDS            the daemon's wall clock is set forward (or back: -3600); see `clocks`
fault clear                         end all that is in force
"""

from __future__ import annotations

import argparse
import getpass
import json
import socket
from pathlib import Path
from typing import Any

from remote.local_cloud.places import Places

ANSWER_SECONDS = 10.0


class FaultRefusedError(RuntimeError):
    """The daemon did not do what was asked, with its reason; or there is none."""


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """The kinds of fault, each with its own arguments and the common ones."""
    kinds = parser.add_subparsers(dest="kind", required=True)

    def kind(name: str, words: str) -> argparse.ArgumentParser:
        return kinds.add_parser(name, help=words, parents=[common])

    preempt = kind("preempt", "interrupt a container, kill it after the grace")
    preempt.add_argument("task")
    preempt.add_argument("--grace", type=float, help="seconds, at most 30")
    kind("kill", "SIGKILL a container").add_argument("task")
    kind("gpu-lost", "crash a container as a lost GPU does").add_argument("task")
    kind("preempt-rate", "preempt each running container at random").add_argument("per_hour", type=float)
    fail = kind("commit-fail", "the next commits of a volume fail")
    fail.add_argument("volume")
    fail.add_argument("--times", type=int, help="how many (1)")
    slow = kind("commit-slow", "commits of a volume take longer")
    slow.add_argument("volume")
    slow.add_argument("seconds", type=float)
    kind("stale-reload", "reloads of a volume bring nothing").add_argument("volume")
    kind("no-capacity", "no container starts").add_argument("seconds", type=float, nargs="?")
    kind("slow-network", "every request takes longer").add_argument("ms", type=float)
    jump = kind("clock-jump", "set the cloud's wall clock forward or back")
    jump.add_argument("seconds", type=float)
    kind("clear", "end all faults that are in force")


def ask(places: Places, kind: str, arguments: dict[str, Any]) -> str:
    """What the daemon says that it has done. FaultRefusedError."""
    client = places.client()
    if client is None:
        raise FaultRefusedError("the local cloud does not run")
    request = {name: value for name, value in arguments.items() if value is not None}
    request |= {"kind": kind, "by": f"{getpass.getuser()}@{socket.gethostname()}"}
    answer = _exchange(control_path(client), request | {"secret": places.token()[1]})
    if not answer["ok"]:
        raise FaultRefusedError(answer["said"])
    return str(answer["said"])


def control_path(client: dict[str, Any]) -> Path:
    """The daemon's socket for faults, beside the one that its clients use."""
    url: str = client["environment"]["MODAL_SERVER_URL"]
    return Path(url.removeprefix("unix://")).with_name("faults.sock")


def _exchange(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
        except (OSError, ValueError) as error:
            raise FaultRefusedError(f"the local cloud does not answer on {path.name}: {error}") from error
        return answer
