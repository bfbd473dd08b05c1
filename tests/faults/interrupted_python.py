"""An interpreter whose processes can be held in a phase: this one's packages, and `held_phases` first."""

import shutil
import site
import sys
from pathlib import Path

from trainer_cloud import ROOT


def make(directory: Path) -> Path:
    """A virtual environment without packages of its own; its ``python``."""
    packages = directory / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    packages.mkdir(parents=True)
    (directory / "bin").mkdir()
    python = directory / "bin" / "python"
    python.symlink_to(Path(sys.executable).resolve())
    home = Path(sys.executable).resolve().parent
    (directory / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    held = shutil.copy(ROOT / "tests" / "faults" / "held_phases.py", packages)
    for name in ("phases", "held"):
        (Path(held).parent / name).mkdir()
    shared = [path for path in site.getsitepackages() if Path(path).is_dir()]
    lines = [f"import site; site.addsitedir({path!r})" for path in shared]
    (packages / "held.pth").write_text("\n".join([*lines, "import held_phases"]) + "\n")
    return python


def phases(python: Path) -> Path:
    """Where notes for `held_phases` go; beside it, ``held`` has those that were obeyed."""
    return next(python.parents[1].glob("lib/python*/site-packages/phases"))
