"""Copying inside a volume: what `cp` would do, for any tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.local_cloud.volume_copy import CopyError, NothingToCopyError, copies
from remote.local_cloud.volumes import VolumePathError
from remote.local_cloud.working_copy import Committed

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def file(path: str) -> Committed:
    return Committed(path, f"sha of {path}", 1, 0.0, 0o640)


def copied(tree: list[str], sources: list[str], target: str, *, recursive: bool = True) -> dict[str, str]:
    made = copies(map(file, tree), sources, target, recursive=recursive, now=5.0)
    assert all((each.mtime, each.mode) == (5.0, 0o640) for each in made)
    return {each.path: each.sha.removeprefix("sha of ") for each in made}


@pytest.mark.parametrize(
    ("sources", "target", "expected"),
    [
        (["a"], "z", {"z": "a"}),
        (["a"], "b", {"b": "a"}),
        (["a"], "d", {"d/a": "a"}),
        (["a"], "z/", {"z/a": "a"}),
        (["a", "b"], "z", {"z/a": "a", "z/b": "b"}),
        (["d/x"], "/", {"x": "d/x"}),
        (["d/x"], ".", {"x": "d/x"}),
        (["d"], "z", {"z/x": "d/x", "z/e/y": "d/e/y"}),
        (["d/e"], "/", {"e/y": "d/e/y"}),
        (["/d/./e/"], "f", {"f/y": "d/e/y"}),
    ],
)
def test_files_and_directories_go_where_cp_would_put_them(sources, target, expected):
    assert copied(["a", "b", "d/x", "d/e/y"], sources, target) == expected


@pytest.mark.parametrize(
    ("sources", "target", "error"),
    [
        (["z"], "y", NothingToCopyError),
        (["a"], "a/y", CopyError),
        (["e/b", "a"], "e", CopyError),
        (["a"], "b/y", CopyError),
        (["a"], "b/", CopyError),
        (["a"], "", VolumePathError),
        (["a"], "..", VolumePathError),
        (["a"], "./..", VolumePathError),
        (["/"], "z", VolumePathError),
        ([""], "z", VolumePathError),
        (["../a"], "z", VolumePathError),
        (["e/d"], ".", CopyError),  # a file over a directory
        (["e/b"], ".", CopyError),  # a directory over a file
        (["a", "e/a"], "z", CopyError),
        (["a"], "n" * 256, VolumePathError),
    ],
)
def test_what_cp_would_refuse_is_refused(sources, target, error):
    tree = ["a", "b", "d/x", "e/a", "e/d", "e/b/x"]
    with pytest.raises(error):
        copied(tree, sources, target)


@given(st.sets(PATHS, max_size=6), st.lists(PATHS, min_size=1, max_size=3), PATHS, st.booleans())
def test_no_file_is_ever_made_a_directory_nor_the_other_way_round(paths, sources, target, recursive):
    tree = [p for p in paths if not any(other.startswith(f"{p}/") for other in paths)]
    try:
        made = copied(tree, sources, target, recursive=recursive)
    except CopyError:
        return
    whole = {*tree, *made}
    assert not [path for path in whole if any(other.startswith(f"{path}/") for other in whole)]
    assert set(made.values()) <= set(tree)
