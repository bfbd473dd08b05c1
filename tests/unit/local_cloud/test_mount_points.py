"""Which mount paths can be had, and what bubblewrap is asked for."""

import os
from pathlib import Path

import pytest

from remote.local_cloud import bubblewrap, mount_paths
from remote.local_cloud.bubblewrap import Mount, command, to_replace
from remote.local_cloud.mount_paths import (
    Ability,
    By,
    MountPathError,
    MountPaths,
    ability,
    clean_mount_path,
)
from remote.local_cloud.store import Store


@pytest.fixture
def paths(tmp_path: Path) -> MountPaths:
    return MountPaths(Store(tmp_path / "cloud.db"), Ability(By.LINK, "for the test"), [tmp_path / "state"])


@pytest.mark.parametrize(
    "path",
    ["relative", "/", "//", "/usr", "/etc/", "/proc", "/a/../../etc", "/a\0b", "/" + "long/" * 1000, "/.."],
)
def test_a_path_that_is_none_or_would_hide_the_system_is_refused(path: str) -> None:
    with pytest.raises(MountPathError):
        clean_mount_path(path)


def test_a_path_that_would_hide_what_a_container_needs_is_refused(tmp_path: Path) -> None:
    needed = tmp_path / "state"
    assert clean_mount_path(f"{tmp_path}/vol", [needed]) == f"{tmp_path.resolve()}/vol"
    for hiding in (tmp_path, needed):
        with pytest.raises(MountPathError, match="needs what is there"):
            clean_mount_path(str(hiding), [needed])


def test_a_link_above_a_mount_path_is_followed_before_it_is_judged(tmp_path: Path) -> None:
    (tmp_path / "innocent").symlink_to("/")
    with pytest.raises(MountPathError):
        clean_mount_path(f"{tmp_path}/innocent/etc")


def test_a_missing_directory_of_the_root_is_shown_in_a_root_that_is_like_the_real_one() -> None:
    built = command([Mount("/no-such-directory-here", Path("/tmp"))])
    assert built[:3] == ["bwrap", "--tmpfs", "/"]
    assert built[built.index("/tmp") - 1 : built.index("/tmp") + 2] == ["--dev-bind-try", "/tmp", "/tmp"]
    assert built[-4:] == ["--bind", "/tmp", "/no-such-directory-here", "--new-session"]


def test_a_mount_point_that_exists_or_can_be_made_replaces_nothing(tmp_path: Path) -> None:
    assert to_replace(str(tmp_path)) is None
    assert to_replace(f"{tmp_path}/new/deep") is None
    assert "--tmpfs" not in command([Mount(str(tmp_path), tmp_path, read_only=True)])


def test_a_link_is_made_for_one_container_and_removed_after_it(paths: MountPaths, tmp_path: Path) -> None:
    mount = Mount(str(tmp_path / "vol"), tmp_path)
    assert paths.method([mount.path], {}) is By.LINK
    paths.prepare("ta-1", [mount], By.LINK)
    assert Path(mount.path).is_symlink()
    assert paths.holder([mount.path]) == "ta-1"
    with pytest.raises(MountPathError, match="another container"):
        paths.prepare("ta-2", [mount], By.LINK)
    paths.release("ta-1")
    assert not os.path.lexists(mount.path)
    assert paths.holder([mount.path]) is None


def test_a_daemon_that_is_killed_while_it_removes_a_link_has_not_forgotten_it(
    paths: MountPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*arguments: str) -> None:
        raise Killed

    mount = Mount(str(tmp_path / "vol"), tmp_path)
    paths.prepare("ta-1", [mount], By.LINK)
    with monkeypatch.context() as patch:
        patch.setattr(mount_paths, "_remove", die)
        with pytest.raises(Killed):
            paths.release("ta-1")
    assert os.path.lexists(mount.path)
    paths.release_all_but(set())
    assert not os.path.lexists(mount.path)


def test_a_dot_at_the_end_is_the_path_itself(tmp_path: Path) -> None:
    assert clean_mount_path(f"{tmp_path}/vol/.") == f"{tmp_path.resolve()}/vol"
    assert clean_mount_path(f"{tmp_path}/vol/") == f"{tmp_path.resolve()}/vol"


def test_what_somebody_else_has_put_at_a_path_is_neither_replaced_nor_removed(
    paths: MountPaths, tmp_path: Path
) -> None:
    mount = Mount(str(tmp_path / "vol"), tmp_path)
    paths.prepare("ta-1", [mount], By.LINK)
    Path(mount.path).unlink()
    Path(mount.path).symlink_to("/etc")
    paths.release("ta-1")
    assert Path(mount.path).readlink() == Path("/etc")
    assert paths.method([mount.path], {}) is By.ENVIRONMENT


def test_directories_made_for_a_mount_stay_while_anybody_uses_them(paths: MountPaths, tmp_path: Path) -> None:
    mount = Mount(str(tmp_path / "made" / "deep" / "vol"), tmp_path)
    for task_id in ("ta-1", "ta-2"):
        paths.prepare(task_id, [mount], By.BUBBLEWRAP)
    paths.release("ta-1")
    assert Path(mount.path).is_dir()
    paths.release("ta-2")
    assert not (tmp_path / "made").exists()


def test_an_app_that_reads_the_variable_is_never_given_a_link(paths: MountPaths, tmp_path: Path) -> None:
    told = {"LOCAL_CLOUD_MOUNTS_READ": "1"}
    assert paths.method([str(tmp_path / "vol")], told) is By.ENVIRONMENT


def test_a_bubblewrap_that_does_not_work_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bubblewrap.unusable() == "bubblewrap is not installed"
    broken.chmod(0o700)
    assert "No permissions" in str(bubblewrap.unusable())
    assert ability({}).by is By.LINK
    assert "No permissions" in ability({}).why


@pytest.mark.parametrize("wanted", ["link", "environment"])
def test_a_setting_can_ask_for_less(wanted: str) -> None:
    assert ability({"LOCAL_CLOUD_MOUNT_BY": wanted}).by == wanted
