"""``python -m remote.local_cloud up | down | status | env | serve | fault …``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from remote.local_cloud import daemon, fault_command
from remote.local_cloud.places import PlaceError, Places

NOT_RUNNING = "the local cloud is not running; start it with: middlewatch cloud up"


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with one line on stderr; status is 5 when nothing runs."""
    parser = argparse.ArgumentParser(prog="python -m remote.local_cloud", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", type=Path, help="directory of this cloud (default: under XDG_STATE_HOME)")
    common.add_argument("--json", action="store_true", help="print one JSON document")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in _VERBS:
        verbs.add_parser(verb, parents=[common])
    fault = verbs.add_parser("fault", help="ask the daemon for a fault on purpose")
    fault_command.add_arguments(fault, common)
    options = parser.parse_args(arguments)
    places = Places(options.state) if options.state else Places.default()
    try:
        if options.verb == "fault":
            return _fault(places, options)
        return _VERBS[options.verb](places, options.json)
    except (daemon.DaemonError, PlaceError, fault_command.FaultRefusedError) as error:
        print(error, file=sys.stderr)
        return 1


def _fault(places: Places, options: argparse.Namespace) -> int:
    if daemon.running(places) is None:
        print(NOT_RUNNING, file=sys.stderr)
        return 5
    own = {"verb", "state", "json", "kind"}
    arguments = {name: value for name, value in vars(options).items() if name not in own}
    said = fault_command.ask(places, options.kind, arguments)
    _say(options.json, {"said": said}, said)
    return 0


def _serve(places: Places, as_json: bool) -> int:
    daemon.serve(places)
    return 0


def _up(places: Places, as_json: bool) -> int:
    started = daemon.up(places)
    _say(
        as_json,
        {"running": True, "started": started},
        f"local cloud {'started' if started else 'was running'}",
    )
    return 0


def _down(places: Places, as_json: bool) -> int:
    stopped = daemon.down(places)
    _say(
        as_json,
        {"running": False, "stopped": stopped},
        f"local cloud {'stopped' if stopped else 'was not running'}",
    )
    return 0


def _status(places: Places, as_json: bool) -> int:
    pid = daemon.running(places)
    if pid is None:
        _say(as_json, {"running": False}, "local cloud is not running")
        return 5
    path = places.status_file
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    words = (
        f"local cloud runs (pid {pid}): {content.get('containers', 0)} containers, "
        f"{content.get('spares_ready', 0)} warm spares, {content.get('inputs_open', 0)} open inputs"
    )
    if templates := content.get("templates"):
        words += f"\ntemplates: {templates['ready']}" if templates["ready"] else ""
        words += "".join(f"\n{line}" for line in templates["refused"])
    if mounts := content.get("mounts"):
        words += f"\nmount paths by {mounts['by']}: {mounts['why']}"
        words += "".join(f"\nwaiting for a mount path: {line}" for line in mounts["waiting"])
    missing = content.get("unimplemented") or {}
    if missing:
        words += "\nasked for and not implemented: " + ", ".join(f"{n} ×{c}" for n, c in missing.items())
    in_force = (content.get("faults") or {}).get("in_force") or []
    if in_force:
        words += "\nfaults on purpose: " + "; ".join(in_force)
    _say(as_json, {"running": True, "pid": pid, "state": str(places.state), **content}, words)
    return 0


def _env(places: Places, as_json: bool) -> int:
    client = places.client()
    if client is None or daemon.running(places) is None:
        print(NOT_RUNNING, file=sys.stderr)
        return 5
    environment: dict[str, str] = client["environment"]
    lines = "\n".join(f"export {name}='{value}'" for name, value in environment.items())
    _say(as_json, environment, lines)
    return 0


def _say(as_json: bool, document: dict[str, Any], words: str) -> None:
    print(json.dumps(document) if as_json else words)


_VERBS = {"up": _up, "down": _down, "status": _status, "env": _env, "serve": _serve}

if __name__ == "__main__":
    raise SystemExit(main())
