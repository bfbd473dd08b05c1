from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.local_cloud.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "cloud.db")
    yield made
    made.close()
