"""replay: a recorded event stream once more, as plain lines or in the dashboard."""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path

import click

from tui_app.exit_codes import CommandError, ExitCode
from tui_app.fast_imports import fast_imports
from tui_app.locations import Locations
from tui_app.replay import Recording, play, play_into, read_recording
from tui_app.text_safety import shown
from tui_app.verbs.common import has_terminal, require_size

DASHBOARD_SPEED = 10.0


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--speed", type=float, help="Times as fast as it was (default: 10 in the dashboard, else at once)."
)
@click.option("--plain", is_flag=True, help="Plain lines instead of the dashboard.")
@click.option("--ascii", "ascii_art", is_flag=True, help="Draw with ASCII alone.")
def replay(file: Path, speed: float | None, plain: bool, ascii_art: bool) -> ExitCode:
    """Show FILE, which export or logs --json wrote, as it went. Touches no run and no journal of yours."""
    if speed is not None and not 0.001 <= speed <= 1e6:
        raise CommandError(f"--speed is {speed:g}; allowed is 0.001 to 1000000", ExitCode.USAGE)
    try:
        recording = read_recording(file)
    except OSError as error:
        raise CommandError(f"file is {shown(str(file), 200)!r}: {error.strerror}", ExitCode.USAGE) from error
    if not recording.events:
        raise CommandError(f"file is {shown(str(file), 200)!r}, in which no line is an event", ExitCode.USAGE)
    if recording.bad:
        click.echo(f"middlewatch: {recording.bad} lines are no events and were left out", err=True)
    if plain or not has_terminal():
        play(recording, sys.stdout, speed)
        return ExitCode.OK
    require_size()
    return _in_dashboard(recording, speed or DASHBOARD_SPEED, ascii_art)


def _in_dashboard(recording: Recording, speed: float, ascii_art: bool) -> ExitCode:
    with fast_imports():
        from tui_app.app import run_app
    with tempfile.TemporaryDirectory(prefix="middlewatch-replay-") as directory:
        locations = Locations("local", Path(directory))
        locations.prepare()
        stop, begun = threading.Event(), threading.Event()
        player = threading.Thread(
            target=play_into, args=(locations, recording, speed, stop, begun), daemon=True, name="replay"
        )
        player.start()
        begun.wait(5.0)
        runs = recording.runs
        try:
            only = runs[0] if len(runs) == 1 else None
            return ExitCode(run_app(locations, only, True, ascii_art=True if ascii_art else None))
        finally:
            stop.set()
            player.join(5.0)
