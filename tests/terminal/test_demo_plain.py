"""The main job as somebody without a terminal gets it: real processes, a pipe, and what is left behind."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO_SECONDS = 420


class Demo:
    """One whole run of `make run < /dev/null | cat`, in a state of its own."""

    def __init__(self, state: Path) -> None:
        runtime = state / "r"
        runtime.mkdir(mode=0o700)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MODAL_")},
            "XDG_STATE_HOME": str(state / "s"),
            "XDG_RUNTIME_DIR": str(runtime),
        }
        command = f"{sys.executable} -m tui_app demo < /dev/null | cat; exit ${{PIPESTATUS[0]}}"
        result = self._run(["bash", "-c", command], DEMO_SECONDS)
        self.code, self.out, self.err = result.returncode, result.stdout, result.stderr

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run([sys.executable, "-m", "tui_app", *arguments], 60)

    def document(self, *arguments: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.cli(*arguments, "--json").stdout)
        return document

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.cli("logs", "sort-digits", "--json").stdout.splitlines()]

    def _run(self, command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=seconds
        )


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="mw", dir="/tmp") as state:
        finished = Demo(Path(state))
        yield finished
        finished.cli("down")


pytestmark = pytest.mark.timeout(DEMO_SECONDS + 60)


def test_the_demo_succeeds_and_has_learned_to_sort(demo: Demo) -> None:
    assert demo.code == 0, demo.out[-2000:] + demo.err[-2000:]
    rewards = re.findall(r"^step +\d+/250 +reward (\S+)", demo.out, re.MULTILINE)
    assert len(rewards) == 250 + 4 + 7
    assert sum(map(float, rewards[-10:])) / 10 >= 0.9


def test_each_drill_is_announced_then_real_then_survived(demo: Demo) -> None:
    lines = demo.out.splitlines()
    expected = ["step 34 will fail on purpose", "retry 1 of 3 in 5 s", "resumes from step 30",
                "preempted on purpose", "attempt 2 preempted at step 77", "resumes from step 70",
                "commit of step 100 failed", "committed step 100"]  # fmt: skip
    at = [next(i for i, line in enumerate(lines) if words in line) for words in expected]
    assert at == sorted(at), dict(zip(expected, at, strict=True))
    assert "1 retry · 1 preemption · steps redone 11 · commits 25 · committed lost 0" in demo.out


def test_nothing_but_plain_text_is_written(demo: Demo) -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", demo.out)
    assert demo.err == ""


def test_the_replayed_steps_repeat_bit_for_bit(demo: Demo) -> None:
    seen: dict[int, list[dict[str, float]]] = {}
    for event in demo.events():
        if event["type"] == "step.completed":
            metrics = event["data"]["metrics"]
            exact = {name: metrics[name] for name in ("loss", "reward/mean", "entropy", "mismatch_kl")}
            seen.setdefault(event["data"]["step"], []).append(exact)
    replayed = {step: values for step, values in seen.items() if len(values) > 1}
    assert sorted(replayed) == [31, 32, 33, 34, *range(71, 78)]
    assert all(value == values[0] for values in replayed.values() for value in values)


def test_every_event_is_there_once(demo: Demo) -> None:
    keys = [(e["attempt"], e["source"], e["seq"]) for e in demo.events()]
    assert len(set(keys)) == len(keys)
    for attempt, source in {(a, s) for a, s, _ in keys}:
        numbers = sorted(seq for a, s, seq in keys if (a, s) == (attempt, source))
        assert numbers == list(range(1, len(numbers) + 1)), (attempt, source)


def test_the_committed_checkpoint_is_named_and_lies_on_the_volume(demo: Demo) -> None:
    shown = demo.document("show", "sort-digits")
    assert (shown["state"], shown["committed"]["step"]) == ("SUCCEEDED", 250)
    assert demo.cli("cloud", "up").returncode == 0
    listed = subprocess.run(
        [sys.executable, "-m", "modal", "volume", "ls", "middlewatch-checkpoints",
         f"sort-digits/{shown['committed']['name']}", "--json"],
        env=demo.environment | _client_environment(demo), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "manifest.json" in listed.stdout, listed.stderr


def test_what_the_demo_started_is_gone(demo: Demo) -> None:
    assert "stopped the watcher" in demo.out
    assert "stopped the local cloud" in demo.out


def _client_environment(demo: Demo) -> dict[str, str]:
    result = subprocess.run(
        [sys.executable, "-m", "remote.local_cloud", "env", "--json"],
        cwd=ROOT, env=demo.environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    environment: dict[str, str] = json.loads(result.stdout)
    return environment
