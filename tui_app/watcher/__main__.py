"""``python -m tui_app.watcher --target local``: the watcher in the foreground, until it is told to end."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from tui_app.config import SettingError
from tui_app.journal.schema import JournalError
from tui_app.locations import TARGETS, Locations, UnsafeStateError
from tui_app.watcher.alert_hook import command_of
from tui_app.watcher.daemon import watch
from tui_app.watcher_launch import WatcherRunsError


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, also where another watcher is at work already; 1 with one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m tui_app.watcher", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, default="local")
    parser.add_argument("--state", type=Path, help="directory of this target (default: under XDG_STATE_HOME)")
    parser.add_argument(
        "--on-alert",
        metavar="COMMAND",
        help="run for each alert that is raised or cleared, with JSON on its stdin (config: on_alert)",
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    given = options.state
    locations = Locations(options.target, given) if given else Locations.of(options.target)
    try:
        watch(locations, command_of(options.on_alert))
    except WatcherRunsError as error:
        print(error, file=sys.stderr)
    except (UnsafeStateError, JournalError, SettingError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)  # a request that hangs in the network must not hold up the end
