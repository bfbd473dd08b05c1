"""serve: the dashboard in a browser on this machine."""

from __future__ import annotations

import secrets
import shlex
import sys

import click

from tui_app.exit_codes import CommandError, ExitCode
from tui_app.verbs.common import echo, known_run, locations_of, run_argument, target_option

PORT = 8788


@click.command()
@run_argument(required=False)
@click.option(
    "--port", type=int, default=PORT, help=f"Of 127.0.0.1; nothing else is served (default: {PORT})."
)
@click.option("--rw", is_flag=True, help="Let keys act (on MODAL once W has armed them); else read-only.")
@target_option
def serve(run: str | None, port: int, rw: bool, target: str | None) -> ExitCode:
    """Show the dashboard in a browser, on RUN if one is named, until Ctrl-C.

    Read-only unless --rw. From another machine: ssh -L 8788:127.0.0.1:8788 HOST. Needs the extra
    `serve`: pip install "middlewatch[serve]".
    """
    if not 1024 <= port <= 65535:
        raise CommandError(f"--port is {port}; allowed is 1024 to 65535", ExitCode.USAGE)
    locations = locations_of(target)
    if run is not None:
        known_run(locations, run)
    try:
        from tui_app.serving import Loopback
    except ImportError as error:
        remedy = 'set it up with: make setup-serve, or pip install "middlewatch[serve]"'
        raise CommandError(f"serve needs {error.name}; {remedy}", ExitCode.ERROR) from error
    words = [sys.executable, "-m", "tui_app", "open", *([run] if run is not None else [])]
    words += ["--target", locations.target, *([] if rw else ["--read-only"])]
    server = Loopback(shlex.join(words), port=port, key=secrets.token_urlsafe(24))
    way = "keys act" if rw else "read-only"
    told = [f"open {server.address}", f"{way}; the address holds a key: whoever has it sees what you see"]
    server.run(lambda: echo(told))
    return ExitCode.OK
