from collections.abc import Iterator

import pytest
from contract_cloud import HERE, LocalCloud, make_cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    """A cloud with the sample app deployed, without warm spares."""
    for made in make_cloud():
        made.deploy(HERE / "sample_app.py")
        yield made


@pytest.fixture
def healthy_again(cloud: LocalCloud) -> Iterator[None]:
    """No fault on purpose outlives the test."""
    yield
    assert cloud.fault("clear") == "no fault is in force any more"
