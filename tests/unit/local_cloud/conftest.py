import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from remote.local_cloud.blob_server import BlobServer
from remote.local_cloud.blobs import ObjectStore
from remote.local_cloud.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "cloud.db")
    yield made
    made.close()


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


@pytest.fixture
async def server(tmp_path: Path, objects: ObjectStore) -> AsyncIterator[BlobServer]:
    made = BlobServer(objects, objects, tmp_path)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def places() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="ct-"))  # short: a socket's path is
    for name in ("state", "sockets"):
        (root / name).mkdir(mode=0o700)
    yield root
    shutil.rmtree(root, ignore_errors=True)
