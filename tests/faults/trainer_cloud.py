"""A local cloud of one's own with the trainer deployed in it, driven from processes of their own: the
modal client reads its environment when it is imported."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from remote.vocabulary.run_config import RunConfig

ROOT = Path(__file__).resolve().parents[2]
CLIENT = Path(__file__).with_name("trainer_client.py")
COMMAND_SECONDS = 120
SMALL = RunConfig(
    task_length=4, steps=40, prompts_per_step=8, group_size=8, minibatches=2, checkpoint_interval=4,
    keep_last=3, wandb="disabled", gpu="",
)  # fmt: skip
"""A run of a few seconds whose steps are still long enough to be killed in."""
NOT_PASSED = ("MODAL_", "LOCAL_CLOUD_", "WANDB_", "PYTEST_")


class TrainerCloud:
    """One cloud. ``python`` is the interpreter of its daemon, and so of its containers; ``spares`` is how
    many warm spares it keeps, ``templates`` how many templates."""

    def __init__(
        self, root: Path, *, python: Path | str = sys.executable, spares: int = 0, templates: int = 0
    ) -> None:
        self.root, self._python = root, str(python)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED)},
            "XDG_STATE_HOME": str(root / "s"),
            "XDG_RUNTIME_DIR": str(root),
            "LOCAL_CLOUD_SPARES": str(spares),
            "LOCAL_CLOUD_TEMPLATES": str(templates),
        }

    def up(self) -> None:
        self._say("up")
        self.environment |= json.loads(self._say("env", "--json"))

    def down(self) -> None:
        self._say("down")

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self._say("status", "--json")))

    def deploy(self) -> None:
        self._run([sys.executable, "-m", "modal", "deploy", "-m", "remote.trainer_app"], COMMAND_SECONDS)

    def carry_out(self, task: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        """What `trainer_client` makes of the task: the story of a run."""
        return run_script(CLIENT, task, seconds=seconds, environment=self.environment)

    def _say(self, *words: str) -> str:
        return self._run([self._python, "-m", "remote.local_cloud", *words], COMMAND_SECONDS)

    def _run(self, command: list[str], seconds: float) -> str:
        return _output(command, seconds, self.environment)


@contextlib.contextmanager
def trainer_cloud(
    *, python: Path | str = sys.executable, spares: int = 0, templates: int = 0
) -> Iterator[TrainerCloud]:
    """A cloud that is up, with the trainer deployed; gone afterwards with all that it started."""
    root = Path(tempfile.mkdtemp(prefix="tc-", dir="/tmp"))
    cloud = TrainerCloud(root, python=python, spares=spares, templates=templates)
    try:
        cloud.up()
        cloud.deploy()
        yield cloud
    finally:
        cloud.down()
        shutil.rmtree(root, ignore_errors=True)


def chosen_seed() -> int:
    """MIDDLEWATCH_SEED, or a new one; printed with the command that repeats the test."""
    chosen = int(os.environ.get("MIDDLEWATCH_SEED") or random.randrange(2**31))
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]
    print(f"repeat with: MIDDLEWATCH_SEED={chosen} {sys.executable} -m pytest -n0 -s -m '' '{test}'")
    return chosen


def run_script(
    script: Path, task: dict[str, Any], *, seconds: float, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """The JSON that a script beside this file prints for a task."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(task, file)
        file.flush()
        out = _output([sys.executable, str(script), file.name], seconds, environment or dict(os.environ))
    return dict(json.loads(out.splitlines()[-1]))


def _output(command: list[str], seconds: float, environment: dict[str, str]) -> str:
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return result.stdout
