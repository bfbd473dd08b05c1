"""What a volume commit costs in the local cloud: it must grow with what changed, not with what is there."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from remote.local_cloud.blobs import ObjectStore
from remote.local_cloud.store import Store
from remote.local_cloud.volumes import Volumes
from tests.benchmarks.rows import Row

FILES = 10_000
CHANGED = (0, 1, 10, 100, 1_000)
FILE_BYTES = 1024


def run() -> list[Row]:
    """A row for the first commit of all files, and one for each number of changed files."""
    return asyncio.run(_measure())


async def _measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        volumes = Volumes(Store(root / "cloud.db"), ObjectStore(root / "contents"), root / "working")
        volume = volumes.create("bench", 2)
        mounted = await volumes.open_working_copy("ta-bench", volume)
        _write(mounted, FILES, 0)
        first = (await volumes.commit("ta-bench", volume)).seconds
        rows = [_row("local_cloud_commit_first", first, f"the first commit of {FILES} files")]
        for turn, count in enumerate(CHANGED, 1):
            _write(mounted, count, turn)
            seconds = (await volumes.commit("ta-bench", volume)).seconds
            words = f"of {FILES} files {count} changed; the first commit took {first / seconds:.0f} × as long"
            rows.append(_row(f"local_cloud_commit_{count}_changed", seconds, words))
        return rows


def _write(root: Path, count: int, turn: int) -> None:
    for n in range(count):
        path = root / f"d{n % 100:02d}" / f"f{n:05d}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d %d " % (turn, n) + b"x" * FILE_BYTES)


def _row(name: str, seconds: float, note: str) -> Row:
    return Row(name=name, ours=seconds, unit="s", note=f"{note}, {FILE_BYTES} bytes each")
