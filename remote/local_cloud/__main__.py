"""``python -m remote.local_cloud up | down | status | env | serve``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from remote.local_cloud import daemon
from remote.local_cloud.places import PlaceError, Places


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with one line on stderr; status is 5 when nothing runs."""
    parser = argparse.ArgumentParser(prog="python -m remote.local_cloud", description=__doc__)
    parser.add_argument("verb", choices=["up", "down", "status", "env", "serve"])
    parser.add_argument("--state", type=Path, help="directory of this cloud (default: under XDG_STATE_HOME)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    places = Places(options.state) if options.state else Places.default()
    try:
        return _VERBS[options.verb](places, options.json)
    except (daemon.DaemonError, PlaceError) as error:
        print(error, file=sys.stderr)
        return 1


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
    missing = content.get("unimplemented") or {}
    if missing:
        words += "\nasked for and not implemented: " + ", ".join(f"{n} ×{c}" for n, c in missing.items())
    _say(as_json, {"running": True, "pid": pid, "state": str(places.state), **content}, words)
    return 0


def _env(places: Places, as_json: bool) -> int:
    client = places.client()
    if client is None or daemon.running(places) is None:
        print("the local cloud is not running; start it with: middlewatch cloud up", file=sys.stderr)
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
