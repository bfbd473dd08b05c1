"""A trainer that is not ours, deployed by the unmodified client and followed by the real watcher."""

import contextlib
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from contract_cloud import HERE, ROOT, wait_for

from remote.vocabulary.events import Event
from remote.vocabulary.run_states import EndCause, RunState
from tui_app.journal.reader import JournalMissingError, JournalReader
from tui_app.locations import Locations
from tui_app.state.levels import Level
from tui_app.state.view import RunView
from tui_app.targets import client_environment

PATIENCE = 60.0
EMITTER = ROOT / "remote" / "emitter.py"
pytestmark = pytest.mark.timeout(300)


class Place:
    """A local cloud, a watcher and the command line, in a state of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def middlewatch(self, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "tui_app", *arguments]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout + result.stderr

    def client(self, code: str, *arguments: object) -> str:
        """Client code in a process of its own; its last line."""
        command = [sys.executable, "-c", "import modal, sys\n" + code, *map(str, arguments)]
        env = os.environ | client_environment("local")
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=60)
        return done.stdout.strip().rpartition("\n")[2]

    def deploy(self, trainer: str) -> None:
        """As its owner would, from a folder with nothing of ours but the copied module."""
        folder = Path(tempfile.mkdtemp(dir=self.root))
        shutil.copy(HERE / f"{trainer}.py", folder / "trainer.py")
        shutil.copy(EMITTER, folder / "emitter.py")
        env = os.environ | client_environment("local")
        command = [sys.executable, "-m", "modal", "deploy", "trainer.py"]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stdout + done.stderr

    def call(self, name: str, steps: int, pace: float) -> str:
        spawn = (
            "train = modal.Cls.from_name('foreign', 'Trainer')().train\n"
            "call = train.spawn(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))\n"
            "print(call.object_id)"
        )
        return self.client(spawn, name, steps, pace)

    def cancel(self, call_id: str) -> None:
        """By its owner, who does not know of us; it is over when this returns."""
        code = (
            "call = modal.FunctionCall.from_id(sys.argv[1])\n"
            "call.cancel()\n"
            "try:\n    call.get(timeout=30)\nexcept modal.exception.RemoteError:\n    pass"
        )
        self.client(code, call_id)

    def interrupt(self, call_id: str) -> str:
        """A real preemption of the container that has the call."""
        graph = f"modal.FunctionCall.from_id('{call_id}').get_call_graph()[0].task_id"
        task = wait_for(lambda: self.client(f"print({graph})"), PATIENCE)
        env = os.environ | client_environment("local")
        stop = [sys.executable, "-m", "modal", "container", "stop", task, "--yes"]
        subprocess.run(stop, env=env, check=True, capture_output=True, timeout=60)
        return task

    def views(self) -> list[RunView]:
        try:
            reader = JournalReader(Locations.of("local").journal)
        except JournalMissingError:
            return []
        with contextlib.closing(reader):
            return [summary.view for summary in reader.views()]

    def view(self, run: str) -> RunView:
        return next((view for view in self.views() if view.run == run), RunView(run=run))

    def run_of(self, call_id: str) -> str | None:
        found = sorted(self.views(), key=lambda view: not view.level.has_records)
        return next((view.run for view in found if view.call_id == call_id), None)

    def events(self, run: str) -> list[Event]:
        with contextlib.closing(JournalReader(Locations.of("local").journal)) as reader:
            return [row.event for row in reader.events(run, limit=100_000)]

    def steps(self, run: str) -> list[tuple[int, int, float]]:
        """(attempt, step, loss) of every step in the journal, as it arrived."""
        steps = [event for event in self.events(run) if event.type == "step.completed"]
        return [(each.attempt, each.data["step"], each.data["metrics"]["loss"]) for each in steps]

    def printed(self, run: str) -> list[str]:
        with contextlib.closing(JournalReader(Locations.of("local").journal)) as reader:
            return [row.line.text for row in reader.logs(run, limit=10_000)]

    def shown(self, run: str) -> dict[str, Any]:
        return dict(json.loads(self.middlewatch("show", run, "--json")))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    root = Path(tempfile.mkdtemp(prefix="mw-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(root / "s"))
        patch.setenv("XDG_RUNTIME_DIR", str(root))
        patch.setenv("LOCAL_CLOUD_SPARES", "0")
        patch.setenv("MIDDLEWATCH_TARGET", "local")
        patch.delenv("LOCAL_CLOUD_STATE", raising=False)
        made = Place(root)
        try:
            made.middlewatch("cloud", "up")
            yield made
        finally:
            made.middlewatch("down")
            shutil.rmtree(root, ignore_errors=True)


def opened(place: Place, identity: str, call_id: str) -> str:
    """Open it as an operator does (a finished follow needs no terminal), and give its run."""
    command = [sys.executable, "-m", "tui_app", "open", identity, "--plain"]
    following = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        return str(wait_for(lambda: place.run_of(call_id), PATIENCE))
    finally:
        following.kill()
        following.communicate()


def changed_lines(variant: str) -> list[str]:
    before, after = ((HERE / name).read_text().splitlines() for name in ("foreign_trainer.py", variant))
    return [line for line in difflib.ndiff(before, after) if line.startswith("+ ") and line[2:].strip()]


def test_the_emitter_is_one_small_module_that_needs_only_modal() -> None:
    text = EMITTER.read_text()
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    assert imported - set(sys.stdlib_module_names) == {"modal"}
    assert len([line for line in text.splitlines() if line.strip()]) <= 150


@pytest.mark.parametrize(
    ("variant", "most"), [("foreign_trainer_printing.py", 1), ("foreign_trainer_emitting.py", 10)]
)
def test_a_trainer_is_brought_to_a_level_in_few_lines(variant: str, most: int) -> None:
    assert 0 < len(changed_lines(variant)) <= most, "\n".join(changed_lines(variant))


def test_level_0_a_call_that_emits_nothing_is_followed_and_stopped(place: Place) -> None:
    place.deploy("foreign_trainer")
    call_id = place.call("plain", 100_000, 0.05)
    run = opened(place, call_id, call_id)
    wait_for(lambda: place.view(run).state is RunState.RUNNING, PATIENCE)
    wait_for(lambda: [line for line in place.printed(run) if line.startswith("step 5,")], PATIENCE)
    shown = place.shown(run)
    assert (shown["level"], shown["function"], shown["step"]) == ("L0", "Trainer.*", None)
    assert shown["uncommitted_steps"] is None
    assert {name for name, value in shown["counters"].items() if value == 0} == {"gaps", "undecodable"}
    text = place.middlewatch("show", run)
    assert "not reported" in text
    assert "not reported" in place.middlewatch("list")
    refusal = place.middlewatch("checkpoint", run, code=6)
    assert "checkpoint needs level 2" in refusal
    assert "not of our trainer" in place.middlewatch("resume", run, code=6)

    first = place.interrupt(call_id)
    view = wait_for(lambda: len((v := place.view(run)).attempts) == 2 and v.attempts[0].cause and v, PATIENCE)
    assert view.attempts[0].task_id == first
    assert (view.attempts[0].cause, view.preemptions) == (EndCause.PREEMPTED_KILLED, 1)
    assert "worker preemption" in view.attempts[0].evidence

    place.middlewatch("stop", run, "--yes")
    assert (
        wait_for(lambda: (v := place.view(run)).state.is_terminal and v, PATIENCE).state is RunState.STOPPED
    )


def test_an_app_means_its_one_live_call_and_else_says_what_is_there(place: Place) -> None:
    place.deploy("foreign_trainer")
    app = place.client("print(modal.App.lookup('foreign').app_id)")
    calls = [place.call(f"app-{number}", 100_000, 0.05) for number in range(2)]
    with ThreadPoolExecutor() as operators:
        assert all(operators.map(lambda call_id: opened(place, call_id, call_id), calls))
    for call_id in calls:
        wait_for(lambda call_id=call_id: place.printed(place.run_of(call_id)), PATIENCE)
    told = place.middlewatch("open", app, "--plain", code=6)
    assert "2 live calls" in told
    assert all(call_id in told for call_id in calls)
    place.cancel(calls[0])
    assert opened(place, app, calls[1]) == place.run_of(calls[1])
    place.cancel(calls[1])
    assert "has no live call" in place.middlewatch("open", app, "--plain", code=6)
    assert "knows no call" in place.middlewatch("open", "fc-nothing", "--plain", code=6)


def test_level_1_the_curve_is_what_was_printed(place: Place) -> None:
    place.deploy("foreign_trainer_printing")
    call_id = place.call("prints", 200, 0.05)
    run = opened(place, call_id, call_id)
    wait_for(lambda: place.view(run).step > 25, PATIENCE)
    place.interrupt(call_id)
    view = wait_for(lambda: (v := place.view(run)).state.is_terminal and v, PATIENCE)
    assert (view.state, view.level, view.step) == (RunState.SUCCEEDED, Level.L1, 200)
    lines = [json.loads(line) for line in place.printed(run) if line.startswith("{")]
    assert [(each["step"], each["loss"]) for each in lines] == [step[1:] for step in place.steps(run)]
    assert {step for _, step, _ in place.steps(run)} == set(range(1, 201))
    assert {attempt for attempt, _, _ in place.steps(run)} == {1, 2}
    assert place.shown(run)["counters"]["steps_redone"] is None


def test_level_2_is_followed_commanded_preempted_and_resumed_like_our_own(place: Place) -> None:
    place.deploy("foreign_trainer_emitting")
    total = 500
    call_id = place.call("emits", total, 0.05)
    opened(place, call_id, call_id)
    wait_for(lambda: place.view("emits").committed_step >= 10, PATIENCE)
    assert (place.view("emits").level, place.run_of(call_id)) == (Level.L2, "emits")
    assert "is committed" in place.middlewatch("checkpoint", "emits")
    asked = place.view("emits").committed_step

    while not place.view("emits").steps_redone:  # an interrupt just after a commit costs no step
        count = len(place.view("emits").attempts)
        place.interrupt(call_id)
        wait_for(lambda count=count: has_begun(place.view("emits"), count + 1), PATIENCE)
    view = wait_for(lambda: (v := place.view("emits")).state.is_terminal and v, PATIENCE)
    assert (view.state, view.step, view.committed_step) == (RunState.SUCCEEDED, total, total)
    *before, last = view.attempts
    assert {(attempt.cause, attempt.inferred) for attempt in before} == {(EndCause.PREEMPTED_DRAINED, False)}
    assert (last.cause, view.gaps, view.committed_lost) == (EndCause.COMPLETED, (), 0)
    assert all(later.resumed_from >= asked for later in view.attempts[1:])

    steps = place.steps("emits")
    again = [one.last_step - two.resumed_from for one, two in pairwise(view.attempts)]
    assert view.steps_redone == len(steps) - total == sum(again) > 0
    losses: dict[int, set[float]] = {}
    for _, step, loss in steps:
        losses.setdefault(step, set()).add(loss)
    assert all(len(values) == 1 for values in losses.values())
    numbers = [event.key for event in place.events("emits") if event.source == "trainer"]
    assert len(set(numbers)) == len(numbers)
    for attempt in view.attempts:
        dense = sorted(key[3] for key in numbers if key[1] == attempt.number)
        assert dense == list(range(1, len(dense) + 1))
    counters = place.shown("emits")["counters"]
    assert (counters["retries_used"], counters["steps_redone"]) == (None, view.steps_redone)


def has_begun(view: RunView, attempts: int) -> bool:
    """Whether the newest of so many attempts has done a step."""
    return len(view.attempts) == attempts and view.attempts[-1].first_step is not None


def test_level_2_stops_at_a_step_boundary_and_a_new_call_goes_on(place: Place) -> None:
    place.deploy("foreign_trainer_emitting")
    place.call("halts", 100_000, 0.02)
    wait_for(lambda: place.view("halts").step > 3, PATIENCE)
    place.middlewatch("stop", "halts", "--yes")
    view = wait_for(lambda: (v := place.view("halts")).state.is_terminal and v, PATIENCE)
    assert (view.state, view.attempts[0].cause) == (RunState.STOPPED, EndCause.STOPPED)
    assert view.committed_step == view.step
    place.call("halts", view.step + 3, 0.02)
    again = wait_for(lambda: (v := place.view("halts")).state is RunState.SUCCEEDED and v, PATIENCE)
    assert (again.generation, again.attempts[1].resumed_from) == (2, view.step)
