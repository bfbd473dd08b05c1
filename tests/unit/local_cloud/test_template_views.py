"""A fork's own view of its mount paths, inside that of its template, with and without being root."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.local_cloud import bubblewrap, template_process
from remote.local_cloud.bubblewrap import Mount

NOBODY = 65534
WHY_NOT = bubblewrap.unusable()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
LOOK = """
import os, sys
sys.path.insert(0, sys.argv[1])
import template_process
point, own, read_only = sys.argv[2], sys.argv[3], sys.argv[4] == "True"
assert os.listdir(point) == ["of the template"]
template_process.see([[point, own, read_only], [point + "/nested", own, False]])
assert sorted(os.listdir(point)) == ["nested", "of the fork"], os.listdir(point)
assert sorted(os.listdir(point + "/nested")) == ["nested", "of the fork"]
try:
    open(point + "/written", "w").close()
    print("written")
except OSError as error:
    print(error.strerror)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody can read: tmp_path is ours alone."""
    with tempfile.TemporaryDirectory(prefix="view-") as made:
        root = Path(made)
        for path in (root, root / "point", root / "template", root / "fork", root / "fork" / "nested"):
            path.mkdir(exist_ok=True)
            path.chmod(0o777)
        (root / "template" / "of the template").touch()
        (root / "fork" / "of the fork").touch()
        shutil.copy(template_process.__file__, root)
        (root / "template_process.py").chmod(0o644)
        yield root


def look(place: Path, *, python: str, user: int, read_only: bool) -> str:
    """What a process of a user says that takes a view of its own inside that of a template."""
    point = str(place / "point")
    inside = bubblewrap.command([Mount(point, place / "template")])
    arguments = [str(place), point, str(place / "fork"), str(read_only)]
    own = {} if user == os.getuid() else {"user": user, "group": user, "extra_groups": []}
    command = [*inside, "--", python, "-c", LOOK, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", **own)
    assert result.returncode == 0, result.stderr
    assert os.listdir(point) == []
    return result.stdout.strip()


@pytest.mark.parametrize(("read_only", "words"), [(False, "written"), (True, "Read-only file system")])
def test_a_fork_sees_its_own_directories_and_its_template_goes_on_seeing_its_own(place, read_only, words):
    assert look(place, python=sys.executable, user=os.getuid(), read_only=read_only) == words


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="our own Python may be closed to others")
@pytest.mark.parametrize(("read_only", "words"), [(False, "written"), (True, "Read-only file system")])
def test_it_needs_no_root(place, read_only, words):
    assert look(place, python="/usr/bin/python3", user=NOBODY, read_only=read_only) == words
