"""A writer of checkpoints that is killed at any moment leaves no torn one under a name."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from memory_tables import chosen_seed

from remote.records.checkpoint_store import MANIFEST, CheckpointStore
from remote.records.errors import DamagedCheckpointError

ROOT = Path(__file__).resolve().parents[2]

STORE = """
import sys
from pathlib import Path
from remote.records.checkpoint_store import CheckpointStore
store, content = CheckpointStore(Path(sys.argv[1])), bytes(500_000)
files = {f"part{n}": lambda path: path.write_bytes(content) for n in range(4)}
for step in range(int(sys.argv[2]), 10**6):
    name = store.write(step, 1, files, {}).name
    print(name, flush=True)
"""

IN_PLACE = """
import hashlib, json, sys
from pathlib import Path
content = bytes(500_000)
entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
for step in range(int(sys.argv[2]), 10**6):
    path = Path(sys.argv[1]) / f"step_{step:08d}.a0001"
    path.mkdir(parents=True)
    files = {f"part{n}": entry for n in range(4)}
    (path / "manifest.json").write_text(json.dumps({"step": step, "attempt": 1, "files": files, "about": {}}))
    for n in range(4):
        (path / f"part{n}").write_bytes(content)
    print(path.name, flush=True)
"""


def killed(script: str, root: Path, after: float, first_step: int) -> str:
    """Run it until it has published one, kill it ``after`` seconds later; the last name that it told."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(root), str(first_step)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout
    name = process.stdout.readline()
    time.sleep(after)
    os.kill(process.pid, signal.SIGKILL)
    told = process.stdout.read().splitlines(keepends=True)
    process.wait()
    process.stdout.close()
    whole = [line for line in [name, *told] if line.endswith("\n")]
    return whole[-1].strip()


def damaged(store: CheckpointStore, names: list[str]) -> list[str]:
    found = []
    for name in names:
        try:
            store.verify(name)
        except DamagedCheckpointError as error:
            found.append(str(error))
    return found


def kills(script: str, root: Path, count: int, rng: random.Random) -> int:
    """How often a kill left something torn under a name, or took away what had been told."""
    store, torn, first = CheckpointStore(root), 0, 1
    for _ in range(count):
        told = killed(script, root, rng.random() * 0.03, first)
        names = store.names()
        torn += bool(damaged(store, names)) or told not in names
        first = 1 + max(int(name[5:13]) for name in names)
        for name in names:
            store.delete(name)
        store.sweep()
    return torn


@pytest.mark.parametrize(
    "count", [12, pytest.param(500, marks=[pytest.mark.chaos, pytest.mark.timeout(900)])]
)
def test_no_kill_leaves_a_torn_checkpoint(tmp_path: Path, count: int) -> None:
    assert kills(STORE, tmp_path, count, random.Random(chosen_seed())) == 0


def test_a_writer_in_place_leaves_torn_ones(tmp_path: Path) -> None:
    """Negative control: the same kills, the same check."""
    rng = random.Random(chosen_seed())
    assert any(kills(IN_PLACE, tmp_path, 4, rng) for _ in range(6))


def test_a_manifest_is_the_last_file_to_appear(tmp_path: Path) -> None:
    seen: list[set[str]] = []

    def look(path: Path) -> None:
        path.write_bytes(b"x")
        seen.append(set(os.listdir(path.parent)))

    store = CheckpointStore(tmp_path)
    name = store.write(1, 1, {"a": look, "b": look}, {}).name
    assert seen == [{"a"}, {"a", "b"}]
    assert set(json.loads((store.path(name) / MANIFEST).read_bytes())["files"]) == {"a", "b"}
