from collections.abc import Iterator

import pytest
from contract_cloud import HERE, LocalCloud, make_cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    """A cloud with the sample app deployed, without warm spares, where a blob of a megabyte is large."""
    for made in make_cloud(LOCAL_CLOUD_PART_BYTES="1000000"):
        made.deploy(HERE / "sample_app.py")
        yield made


@pytest.fixture
def healthy_again(cloud: LocalCloud) -> Iterator[None]:
    """No fault on purpose outlives the test."""
    yield
    assert cloud.fault("clear") == "no fault is in force any more"
