"""What the local cloud needs of Modal's protocol: each RPC that it implements, each message in reach of them.

    python tests/contract/rpc_table.py            # shows how the installed protocol differs from the table
    python tests/contract/rpc_table.py --renew    # takes the installed protocol as the table

Renew it after reading the difference: a field that is new may want to be honoured, one that is gone or
has another number breaks something.
"""

import difflib
import json
import sys
from pathlib import Path
from typing import Any

import modal
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from modal_proto import api_grpc, api_pb2

from remote.local_cloud.cloud import AREAS

TABLE = Path(__file__).with_name("rpc_table.json")
TYPES = {
    value: name.removeprefix("TYPE_").lower()
    for name, value in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}


def installed() -> dict[str, Any]:
    """The part of the installed protocol that the local cloud stands on."""
    messages: dict[str, list[str]] = {}
    rpcs = {}
    declared = {method.name: method for method in api_pb2.DESCRIPTOR.services_by_name["ModalClient"].methods}
    for name in sorted(implemented()):
        method = declared[name]
        arrow = "-> stream" if method.server_streaming else "->"
        rpcs[name] = f"{method.input_type.name} {arrow} {method.output_type.name}"
        for message in (method.input_type, method.output_type):
            collect(message, messages)
    collect(api_pb2.ContainerArguments.DESCRIPTOR, messages)
    minor = ".".join(modal.__version__.split(".")[:2])
    return {"modal": minor, "rpcs": rpcs, "messages": dict(sorted(messages.items()))}


def implemented() -> set[str]:
    """The RPCs that some area has a method for."""
    declared = {name for name in vars(api_grpc.ModalClientBase) if name[0].isupper()}
    return {name for area in AREAS for name in vars(area) if name in declared}


def collect(message: Descriptor, found: dict[str, list[str]]) -> None:
    """A message's fields, and those of every message in them."""
    if message.full_name in found:
        return
    found[message.full_name] = [
        f"{field.number} {field.name}: {kind(field)}"
        for field in sorted(message.fields, key=lambda field: field.number)
    ]
    for field in message.fields:
        if field.message_type is not None and not field.message_type.full_name.startswith("google."):
            collect(field.message_type, found)


def kind(field: FieldDescriptor) -> str:
    named = field.message_type or field.enum_type
    many = "repeated " if field.is_repeated else ""
    return many + (named.full_name.rpartition(".")[2] if named is not None else TYPES[field.type])


def difference(table: dict[str, Any], now: dict[str, Any]) -> str:
    """Line by line, empty if there is none."""
    before, after = (json.dumps(part, indent=1).splitlines() for part in (table, now))
    return "\n".join(
        difflib.unified_diff(before, after, "rpc_table.json", "installed modal", lineterm="", n=2)
    )


def main(arguments: list[str]) -> int:
    now = installed()
    if arguments == ["--renew"]:
        TABLE.write_text(json.dumps(now, indent=1) + "\n")
        print(f"{TABLE.name}: {len(now['rpcs'])} RPCs, {len(now['messages'])} messages")
        return 0
    found = difference(json.loads(TABLE.read_text()), now)
    print(found or "the installed protocol is the one of the table")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
