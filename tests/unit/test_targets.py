"""Where the client is pointed, and what is said when there is nothing to point it at."""

import json
import os
from pathlib import Path

import psutil
import pytest

from tui_app.targets import TargetDownError, client_environment, cloud_running

ENVIRONMENT = {"MODAL_SERVER_URL": "unix:///s", "MODAL_TOKEN_ID": "ak-1"}


@pytest.fixture
def client_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCAL_CLOUD_STATE", str(tmp_path))
    return tmp_path / "client.json"


def write(path: Path, *, pid: int = 0, born_earlier: float = 0.0, **more: object) -> None:
    process = psutil.Process(pid or os.getpid())
    content = {
        "environment": ENVIRONMENT,
        "pid": process.pid,
        "pid_created": process.create_time() - born_earlier,
    }
    path.write_text(json.dumps(content | more))


def test_a_running_cloud_gives_its_environment(client_file: Path) -> None:
    write(client_file)
    assert client_environment("local") == ENVIRONMENT
    assert cloud_running()


def test_the_modal_target_leaves_the_operators_own_configuration(client_file: Path) -> None:
    assert client_environment("modal") == {}


def test_a_pid_that_was_given_to_another_process_is_no_running_cloud(client_file: Path) -> None:
    write(client_file, born_earlier=60.0)
    with pytest.raises(TargetDownError, match="middlewatch cloud up"):
        client_environment("local")
    assert not cloud_running()


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"pid": "x"}', '{"pid": 1, "pid_created": null}'])
def test_a_missing_or_broken_file_is_a_cloud_that_is_down(client_file: Path, content: str | None) -> None:
    if content is not None:
        client_file.write_text(content)
    with pytest.raises(TargetDownError, match="middlewatch cloud up"):
        client_environment("local")


def test_an_environment_that_is_none_is_a_cloud_that_is_down(client_file: Path) -> None:
    write(client_file, environment="x")
    assert not cloud_running()


def test_another_target_is_refused_by_name(client_file: Path) -> None:
    with pytest.raises(ValueError, match="target is 'moon'; allowed is local or modal"):
        client_environment("moon")
