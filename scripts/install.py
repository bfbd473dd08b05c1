"""Sets up .venv in stages: base, trainer (torch), dev. Run by make; standard library only.

    python3 scripts/install.py base | trainer | serve | dev

For dev it also sees to two of the distribution's programs, bubblewrap for the tests of volumes at an app's
own paths and chromium for the test of the dashboard in a browser; nothing else needs them, and without
them those tests are skipped.

A stage that is already there for its lock file is not touched, so a second call takes a few
milliseconds. torch is the heavy part: it comes after the base, with pip's progress shown and its
size said first, and as a CPU build where there is no NVIDIA GPU. It knows the lock files in
requirements/; it does not know what the project does with them.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PIP = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
STAGES = {
    "base": ("base",),
    "trainer": ("base", "trainer"),
    "serve": ("base", "serve"),
    "dev": ("base", "trainer", "serve", "dev"),
}
TOOLS = (
    ("bubblewrap", ("bwrap",), "the tests of volumes at an app's own paths"),
    (
        "chromium",
        ("chromium", "chromium-browser", "google-chrome"),
        "the test of the dashboard in a browser (100 MB)",
    ),
)
"""The distribution's package, the programs of which one is enough, and what it is for."""
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LARGE_BYTES = 500e6


def main(wanted: str) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - any Python may be asked to run this file
        stop(
            f"Python {platform.python_version()} is too old; 3.11 or newer is needed: make PYTHON=python3.12"
        )
    if wanted == "dev":
        for package, programs, purpose in TOOLS:
            see_to(package, programs, purpose)
    missing = [stage for stage in STAGES[wanted] if not done(stage)]
    if not missing:
        return
    create_environment()
    for position, stage in enumerate(missing, 1):
        started = time.monotonic()
        say(f"[{position}/{len(missing)}] installing {stage}")
        if stage == "trainer":
            install_torch(lock("trainer"))
        pip("install", "--quiet", "--requirement", str(lock(stage)))
        if stage == "base":
            # compat: a plain path entry, which costs an interpreter's start nothing
            pip(
                "install",
                "--quiet",
                "--no-deps",
                "--config-settings",
                "editable_mode=compat",
                "-e",
                str(ROOT),
            )
        marker(stage).write_text(fingerprint(stage))
        say(f"[{position}/{len(missing)}] {stage} ready in {time.monotonic() - started:.0f} s")


def see_to(package: str, programs: tuple[str, ...], purpose: str) -> None:
    """From the distribution where we may; else say what it is for. It never stops the set-up."""
    if sys.platform != "linux" or any(shutil.which(program) for program in programs):
        return
    if shutil.which("apt-get") and (os.geteuid() == 0 or os.environ.get("CI")):
        say(f"    {package}, for {purpose}")
        before = [] if os.geteuid() == 0 else ["sudo", "-n"]
        command = [*before, "apt-get", "install", "--yes", "--no-install-recommends", package]
        subprocess.run(command, capture_output=True, check=False)
    if not any(shutil.which(program) for program in programs):
        say(f"    without {package}, {purpose} is skipped. Debian: sudo apt install {package}")


def create_environment() -> None:
    if (VENV / "bin" / "python").exists():
        return
    say("[0] creating .venv")
    result = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if result.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        version = ".".join(map(str, sys.version_info[:2]))
        stop(f"Python's venv is missing. Debian: sudo apt install python{version}-venv\n{result.stdout}")


def install_torch(requirements: Path) -> None:
    """torch alone and first: it is most of the download, and the one choice to be made."""
    wanted = next(line for line in requirements.read_text().splitlines() if line.startswith("torch=="))
    choice = chosen(wanted)
    extra = ["--constraint", str(requirements)]
    if needs_cpu_index(choice):
        cpu = chosen(wanted, "--index-url", TORCH_CPU_INDEX)
        if cpu:
            choice, extra = cpu, ["--index-url", TORCH_CPU_INDEX]
        else:
            say("    no CPU build within reach; taking the default one with its CUDA libraries (gigabytes)")
    size = download_size(choice)
    if size:
        note = " - a large download" if size > LARGE_BYTES else ""
        say(f"    {wanted}: {size / 1e6:.0f} MB{note}")
    if is_cpu_build(choice):
        extra.append("--no-deps")  # its few dependencies come with the lock file
    pip("install", "--progress-bar", "on", *extra, wanted)


def needs_cpu_index(choice: dict[str, object]) -> bool:
    """Only PyPI's Linux build carries CUDA; elsewhere, or with a GPU, the default is right."""
    has_gpu = shutil.which("nvidia-smi") is not None
    return sys.platform == "linux" and not has_gpu and not is_cpu_build(choice)


def is_cpu_build(choice: dict[str, object]) -> bool:
    return "+cpu" in str(dict(choice.get("metadata", {})).get("version", ""))  # type: ignore[call-overload]


def chosen(wanted: str, *options: str) -> dict[str, object]:
    """What pip would download for one requirement, from its own report; {} if nothing."""
    command = [*PIP, "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed", "--report", "-"]
    result = subprocess.run([*command, *options, wanted], capture_output=True, text=True)
    if result.returncode:
        return {}
    items: list[dict[str, object]] = json.loads(result.stdout).get("install", [])
    return items[0] if items else {}


def download_size(choice: dict[str, object]) -> int:
    """Bytes of the chosen file, 0 where its server does not say."""
    url = str(dict(choice.get("download_info", {})).get("url", ""))  # type: ignore[call-overload]
    if url.startswith("file://"):
        return Path(urllib.request.url2pathname(url.removeprefix("file://"))).stat().st_size
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=10) as answer:
            return int(answer.headers.get("Content-Length", 0))
    except (OSError, ValueError):
        return 0


def pip(*arguments: str) -> None:
    result = subprocess.run([*PIP, *arguments], stderr=subprocess.PIPE, text=True)
    complaints = [line for line in result.stderr.splitlines() if not line.startswith("WARNING: Location")]
    if result.returncode:
        stop("\n".join(complaints[-15:]) + "\npip failed; the same command continues where it stopped")


def lock(stage: str) -> Path:
    return ROOT / "requirements" / f"{stage}.lock"


def marker(stage: str) -> Path:
    return VENV / f".installed-{stage}"


def fingerprint(stage: str) -> str:
    return hashlib.sha256(lock(stage).read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()


def done(stage: str) -> bool:
    return marker(stage).exists() and marker(stage).read_text() == fingerprint(stage)


def say(text: str) -> None:
    print(text, flush=True)


def stop(text: str) -> NoReturn:
    print(f"setup: {text}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in STAGES:
        stop(f"usage: install.py {' | '.join(STAGES)}")
    main(sys.argv[1])
