"""Shoot every screen of a real run into screenshots/: `make screenshots`.

The run is the newest one in this user's journal of the local cloud that can be acted on and has steps
to show. Where there is none, a demo run is started, with everything that it needs, and what was
started is stopped again. Nothing here is drawn by hand: the pictures are what the dashboard showed.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from msgspec.structs import asdict  # noqa: E402

from remote.vocabulary.commands import Verb  # noqa: E402
from remote.vocabulary.run_config import RunConfig, demo  # noqa: E402
from tui_app import __version__  # noqa: E402
from tui_app.actions import ACTIONS  # noqa: E402
from tui_app.app import Middlewatch  # noqa: E402
from tui_app.demo import RUN, deploying, spawn_named, stage, views  # noqa: E402
from tui_app.evaluation_plan import planned  # noqa: E402
from tui_app.locations import Locations  # noqa: E402
from tui_app.remembered import Layout  # noqa: E402
from tui_app.requests import await_outcome, submit  # noqa: E402
from tui_app.screens.desk_screen import KEY_NAMES  # noqa: E402
from tui_app.screens.tabs import TABS  # noqa: E402
from tui_app.state.view import RunView  # noqa: E402
from tui_app.subprocesses import cloud_up, ensure_deployed, run_cloud  # noqa: E402
from tui_app.targets import cloud_running  # noqa: E402
from tui_app.watcher_launch import ensure_watcher, stop_watcher, watcher_running  # noqa: E402

FOLDER = ROOT / "screenshots"
SIZES = ((80, 24), (120, 40))
STEPS_TO_SHOW = 90
"""After the demo's exception and its preemption, so that both are in the picture."""
SHORT, STEPS_OF_THE_SHORT = "sort-digits-short", 20
"""A second run, so that home has a list and compare something to compare."""
PATIENCE_SECONDS = 600.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Shot:
    """One picture: which keys lead to it, starting from the run's screen."""

    name: str
    keys: tuple[str, ...] = ()


TABBED = (
    *(Shot(tab.id, (KEY_NAMES.get(tab.key, tab.key),)) for tab in TABS),
    Shot("cursor", ("S", "N")),
    Shot("events", ("e",)),
    Shot("evaluate", ("E", "e")),
    Shot("spawn", ("s",)),
    Shot("spawn-learning", ("s", "pagedown", "pagedown")),
)
"""The tabs, the charts with their cursor on the newest anomaly, the events alone, the forms."""
COMPARED = Shot("compare", ("escape", "g", "space", "space", "equals_sign"))


def main() -> int:
    locations = Locations.of("local")
    locations.prepare()
    with contextlib.ExitStack() as started:
        view = newest(locations) or wait_for_steps(locations, start(locations, started))
        evaluate(locations, view)
        names = asyncio.run(shoot(locations, view))
        write_readme(newest_view(locations, view.run), names)
    print(f"{len(names)} pictures of {view.run} in {FOLDER.name}/")
    return 0


def confirm_key(view: RunView) -> str | None:
    """The key of something that asks before it is done and is possible now."""
    possible = [ACTIONS[name] for name in ("stop", "resume") if ACTIONS[name].refusal(view) is None]
    return possible[0].key if possible else None


def newest(locations: Locations) -> RunView | None:
    """The newest run with enough steps to look at, that can be stopped or resumed; a live one only if
    it really goes on."""
    followed = cloud_running() and watcher_running(locations)
    worth = [
        view
        for view in views(locations)
        if view.step >= STEPS_TO_SHOW and confirm_key(view) and (followed or view.state.is_terminal)
    ]
    return max(worth, key=lambda view: view.spawned_at or 0.0, default=None)


def newest_view(locations: Locations, run: str) -> RunView:
    return next(view for view in views(locations) if view.run == run)


def start(locations: Locations, started: contextlib.ExitStack) -> str:
    """Spawn a demo run, starting and later stopping whatever does not run yet."""
    if not cloud_running():
        with stage(sys.stdout, "starting the local cloud"):
            cloud_up()
        started.callback(run_cloud, "down")
    with deploying(sys.stdout) as on_start:
        ensure_deployed(locations, on_start)
    if not watcher_running(locations):
        with stage(sys.stdout, "starting the watcher"):
            ensure_watcher(locations, "local")
        started.callback(stop_watcher, locations)
    with stage(sys.stdout, "spawning a run"):
        run = spawn_named(locations, RUN, demo(RunConfig(eval_interval=20), patient=True))
        spawn_named(locations, SHORT, RunConfig(steps=STEPS_OF_THE_SHORT))
    started.callback(stop_run, locations, run)
    return run


def stop_run(locations: Locations, run: str) -> None:
    """End a run that was started for its picture; it saves and commits first."""
    attempt = newest_view(locations, run).attempt
    intent = submit(locations, Verb.STOP, run, attempt=attempt.number if attempt else None)
    await_outcome(locations, intent.id, STOP_SECONDS)


def wait_for_steps(locations: Locations, run: str) -> RunView:
    with stage(sys.stdout, f"waiting for step {STEPS_TO_SHOW} of {run}"):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (view := newest_view(locations, run)).step < STEPS_TO_SHOW:
            if view.state.is_terminal or time.monotonic() > deadline:
                raise SystemExit(f"{run} is {view.state} at step {view.step}: {view.detail}")
            time.sleep(0.5)
    return view


def evaluate(locations: Locations, view: RunView) -> None:
    """Have its newest checkpoint scored, if that is possible, and wait for it."""
    if view.evaluation is not None or ACTIONS["evaluate"].refusal(view) is not None:
        return
    plan = planned(view)
    with stage(sys.stdout, f"evaluating step {plan.step} of {view.run}"):
        submit(locations, Verb.EVALUATE, view.run, args=asdict(plan))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := newest_view(locations, view.run).evaluation) is None or found.running:
            if time.monotonic() > deadline:
                raise SystemExit(f"the evaluation has not ended: {found}")
            time.sleep(0.5)


async def shoot(locations: Locations, view: RunView) -> list[str]:
    FOLDER.mkdir(exist_ok=True)
    shots = [Shot("run"), Shot("home", ("escape",)), Shot("help", ("question_mark",)), *TABBED]
    if len(views(locations)) > 1:
        shots.append(COMPARED)
    if key := confirm_key(view):
        shots.append(Shot("confirm", (key,)))
    names = []
    for width, height in SIZES:
        for shot in shots:
            name = f"{shot.name}-{width}x{height}.svg"
            picture = await picture_of(locations, view.run, shot, (width, height))
            (FOLDER / name).write_text(picture + "\n")
            names.append(name)
    return names


async def picture_of(locations: Locations, run: str, shot: Shot, size: tuple[int, int]) -> str:
    app = Middlewatch(locations, run, ascii_art=False)
    app.layout_kept, app.keep_layout = Layout(), lambda layout: None
    async with app.run_test(size=size) as pilot:
        while app.desk.track.last_step < STEPS_TO_SHOW:
            await pilot.pause(0.05)
        await pilot.pause(0.5)
        for key in shot.keys:
            await pilot.press(key)
            await pilot.pause(0.1)
        await pilot.pause(0.5)
        return app.export_screenshot(title=f"middlewatch open {run}")


def write_readme(view: RunView, names: list[str]) -> None:
    spawned = datetime.fromtimestamp(view.spawned_at or 0.0, UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        "# Screenshots",
        "",
        "Made by `make screenshots` from a real run; never edited.",
        "",
        f"Run `{view.run}` on the local cloud, spawned {spawned}, "
        f"at step {view.step} of {view.of} when shot:",
        f"attempt {view.attempt.number if view.attempt else 0}, {view.retries_used} retries, "
        f"{view.preemptions} preemptions, {view.steps_redone} steps redone, {view.commit_count} commits, "
        f"committed lost {view.committed_lost}.",
        f"Task {view.config.get('task')}, seed {view.config.get('seed')}, Middlewatch {__version__}.",
        "",
        *(f"* [{name}]({name})" for name in names),
    ]
    (FOLDER / "README.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
