"""``python forked_torch.py``: compute with torch on as many threads as OMP_NUM_THREADS says, then in a fork;
say what the template's check makes of it, and whether the fork ended within the seconds given."""

import json
import os
import signal
import socket
import sys
import time

import torch

from remote.local_cloud import template_process

SIZE = 400_000
"""Enough numbers for torch to share them out among threads."""


def compute() -> float:
    return float(torch.ones(SIZE).mul(2.0).exp().sum())


def main(seconds: float) -> None:
    before = compute()
    why = template_process.unsafe(socket.socketpair()[0]) or ""
    pid = os.fork()
    if pid == 0:
        torch.set_num_threads(2)
        os._exit(0 if compute() == before else 1)
    deadline = time.monotonic() + seconds
    while not (ended := os.waitpid(pid, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.02)
    if not ended[0]:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(ended[1]) if ended[0] else None
    print(json.dumps({"why": why, "code": code}))


if __name__ == "__main__":
    main(float(sys.argv[1]))
