"""The demo: a real run on the local cloud, with real faults, from nothing to its last line.

    code = run_demo(locations, sys.stdout, terminal=False, drill=True)

Starts what does not run yet, deploys the trainer app if the code changed, and spawns a run unless one
is live. With a terminal it opens the dashboard and leaves everything running; without one it follows
the run as plain lines and in the end stops what it started.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from remote.vocabulary.commands import OutcomeState, Verb
from remote.vocabulary.run_config import RunConfig, demo
from tui_app.exit_codes import CommandError, ExitCode
from tui_app.fast_imports import fast_imports
from tui_app.journal.reader import JournalMissingError, JournalReader
from tui_app.locations import Locations
from tui_app.plain import FollowError, follow
from tui_app.requests import await_outcome, submit
from tui_app.state.view import RunView
from tui_app.subprocesses import cloud_up, ensure_deployed, run_cloud
from tui_app.targets import CLOUD_IS_DOWN, cloud_running
from tui_app.text_safety import shown
from tui_app.watcher_launch import WatcherStartError, ensure_watcher, stop_watcher, watcher_running

RUN = "sort-digits"
SPAWN_PATIENCE_SECONDS = 60.0
MAX_NAMES = 50


def run_demo(
    locations: Locations, out: TextIO, *, terminal: bool, drill: bool = True, command: str = "middlewatch"
) -> ExitCode:
    """Bring the demo up and show it. CommandError, ToolError, WatcherStartError."""
    with contextlib.ExitStack() as started:
        if not cloud_running():
            with stage(out, "starting the local cloud"):
                cloud_up()
            started.callback(_stop_cloud, out)
        with deploying(out) as on_start:
            ensure_deployed(locations, on_start)
        if not watcher_running(locations):
            with stage(out, "starting the watcher"):
                ensure_watcher(locations, "local")
            started.callback(_stop_watcher, locations, out)
        run = live_run(views(locations))
        if run is None:
            run = _spawn(locations, out, demo(RunConfig(), patient=terminal, drill=drill))
        else:
            _say(out, f"{run} is live; going on with it")
        if terminal:
            started.pop_all()
            with fast_imports():
                from tui_app.app import run_app
            return ExitCode(run_app(locations, run, False))
        _say(out, f"following {run}; the dashboard would be: {command} open {run}")
        return follow(locations, run, out, command=command, tend=lambda: tend(locations))


def _spawn(locations: Locations, out: TextIO, config: RunConfig) -> str:
    """Spawn; if that fails, once more after a new deployment: somebody may have stopped the app."""
    try:
        with stage(out, "spawning a run"):
            return spawn_named(locations, RUN, config)
    except CommandError as error:
        if error.code is not ExitCode.ERROR:
            raise
    locations.deployed.unlink(missing_ok=True)
    with deploying(out) as on_start:
        ensure_deployed(locations, on_start)
    with stage(out, "spawning a run"):
        return spawn_named(locations, RUN, config)


def views(locations: Locations) -> list[RunView]:
    """Every run in the journal, none where there is no journal."""
    try:
        reader = JournalReader(locations.journal)
    except JournalMissingError:
        return []
    with contextlib.closing(reader):
        return [summary.view for summary in reader.views()]


def live_run(known: list[RunView], base: str = RUN) -> str | None:
    """The newest live run of this name or of its numbered successors."""
    live = [view for view in known if _is_named(view.run, base) and not view.state.is_terminal]
    return max(live, key=lambda view: view.spawned_at or 0.0).run if live else None


def _is_named(run: str, base: str) -> bool:
    return run == base or (run.startswith(base + "-") and run[len(base) + 1 :].isdigit())


def next_name(taken: set[str], base: str) -> str:
    """``base``, or the first free one of ``base-2``, ``base-3`` and so on."""
    number = 1
    while (name := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return name


def spawn_named(locations: Locations, base: str, config: RunConfig) -> str:
    """Spawn a run under the next free name and wait until it has its call. CommandError.

    Names that only the target knows of are refused by it and passed over.
    """
    taken = {view.run for view in views(locations)}
    for _ in range(MAX_NAMES):
        name = next_name(taken, base)
        intent = submit(locations, Verb.SPAWN, name, args={"config": config.to_json()})
        outcome = await_outcome(locations, intent.id, SPAWN_PATIENCE_SECONDS)
        if outcome is None:
            raise CommandError(
                f"no word of the spawn within {SPAWN_PATIENCE_SECONDS:.0f} s (intent {intent.id})",
                ExitCode.UNREACHABLE,
            )
        if outcome.state is OutcomeState.DONE:
            return name
        if outcome.state is not OutcomeState.REFUSED:
            raise CommandError(f"{name} was not spawned: {shown(outcome.detail)}", ExitCode.ERROR)
        taken.add(name)
    raise CommandError(f"{MAX_NAMES} names from {base} on are taken", ExitCode.REFUSED)


def tend(locations: Locations) -> str | None:
    """Keep following possible: a dead watcher is started again. FollowError if the target is gone."""
    if locations.target == "local" and not cloud_running():
        raise FollowError(CLOUD_IS_DOWN)
    if watcher_running(locations):
        return None
    try:
        ensure_watcher(locations, locations.target)
    except WatcherStartError as error:
        raise FollowError(str(error)) from error
    return "the watcher was gone and has been started again"


@contextlib.contextmanager
def stage(out: TextIO, what: str) -> Iterator[None]:
    """``what ... 0.6 s`` around what is done inside."""
    with deploying(out, what) as on_start:
        on_start()
        yield


@contextlib.contextmanager
def deploying(out: TextIO, what: str = "deploying the trainer app") -> Iterator[Callable[[], None]]:
    """The same for what may turn out not to be needed: it is said only if it starts."""
    began: list[float] = []

    def on_start() -> None:
        began.append(time.monotonic())
        out.write(f"{what} ... ")
        out.flush()

    try:
        yield on_start
    except BaseException:
        if began:
            _say(out, "failed")
        raise
    if began:
        _say(out, f"{time.monotonic() - began[0]:.1f} s")


def _stop_cloud(out: TextIO) -> None:
    run_cloud("down")
    _say_last(out, "stopped the local cloud")


def _stop_watcher(locations: Locations, out: TextIO) -> None:
    stop_watcher(locations)
    _say_last(out, "stopped the watcher")


def _say(out: TextIO, text: str) -> None:
    out.write(text + "\n")
    out.flush()


def _say_last(out: TextIO, text: str) -> None:
    """Said while leaving, so a reader that has gone away must not keep us from stopping the rest."""
    with contextlib.suppress(BrokenPipeError):
        _say(out, text)
