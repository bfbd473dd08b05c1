"""Modal's container entrypoint for one rank of a cluster: a script that imports nothing of ours.

In Modal's cloud the name ``i6pn.modal.local`` is a container's own address in its private network. Here
the ranks share one machine, so that one name means the loopback address that the local cloud says in
LOCAL_CLOUD_CLUSTER_ADDRESS. All else is Modal's entrypoint, unmodified.
"""

import os
import runpy
import socket
import sys
from typing import Any

OWN_NAME = "i6pn.modal.local"
ENTRYPOINT = "modal._container_entrypoint"


def answer_to_own_name(address: str) -> None:
    """Make `socket.getaddrinfo` know this container's own name."""
    known = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, family: Any = 0, *rest: Any, **named: Any) -> Any:
        if host != OWN_NAME:
            return known(host, port, family, *rest, **named)
        return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port or 0, 0, 0))]

    socket.getaddrinfo = getaddrinfo


if __name__ == "__main__":
    answer_to_own_name(os.environ["LOCAL_CLOUD_CLUSTER_ADDRESS"])
    sys.path.insert(0, os.getcwd())  # as ``python -m`` has it
    runpy.run_module(ENTRYPOINT, run_name="__main__", alter_sys=True)
