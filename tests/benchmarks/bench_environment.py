"""A virtual environment for what only a benchmark needs, on top of the main one: nothing is installed twice.

It is made when it is asked for, and anew when ``requirements/bench.lock`` has changed.
"""

from __future__ import annotations

import hashlib
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".venv-bench"
LOCK = ROOT / "requirements" / "bench.lock"
INSTALL_SECONDS = 900


class NotInstallableError(RuntimeError):
    """The packages could not be installed; the message is pip's last line."""


def python() -> Path:
    """The interpreter of the environment. NotInstallableError."""
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    marker = PLACE / ".installed"
    if not marker.exists() or marker.read_text() != wanted:
        _make()
        marker.write_text(wanted)
    return PLACE / "bin" / "python"


def _make() -> None:
    shutil.rmtree(PLACE, ignore_errors=True)
    venv.create(PLACE, with_pip=False)
    (PLACE / ".gitignore").write_text("*\n")
    target = PLACE / "bin" / "python"
    packages = next(PLACE.glob("lib/python*/site-packages"))
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
    (packages / "main.pth").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "pip", "--python", str(target), "install", "--quiet", "--no-deps"]
    result = subprocess.run(
        [*command, "--ignore-installed", "-r", str(LOCK)],
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
    )
    if result.returncode:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        raise NotInstallableError((errors or result.stderr.splitlines() or ["pip failed"])[-1])
