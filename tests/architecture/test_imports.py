"""The house keeps its order: which folder may import which, and what a viewer never loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ALLOWED_OF_OURS = {
    "remote.vocabulary": ["remote.vocabulary"],
    "remote.records": ["remote.records", "remote.vocabulary"],
    "remote.training": ["remote.training", "remote.vocabulary"],
    "remote.local_cloud": ["remote.local_cloud"],
    "remote.trainer_app": [
        "remote.vocabulary",
        "remote.supervised_attempt",
        "remote.checkpoint_evaluation",
        "remote.training",
    ],
    "remote.checkpoint_evaluation": ["remote.vocabulary", "remote.records", "remote.training"],
    "remote.supervised_attempt": [
        "remote.vocabulary",
        "remote.records",
        "remote.training",
        "remote.attempt_ports",
    ],
    "remote.emitter": [],
    "remote.attempt_ports": ["remote.vocabulary", "remote.records", "remote.training"],
    "tui_app.watcher": ["tui_app", "remote.vocabulary", "remote.records"],
    "tui_app.state": ["tui_app.state", "remote.vocabulary"],
    "tui_app.render": ["tui_app.render"],
    "tui_app.widgets": [
        "tui_app.widgets",
        "tui_app.state",
        "tui_app.render",
        "tui_app.text_safety",
        "remote.vocabulary",
    ],
    "tui_app": ["tui_app", "remote.vocabulary"],
}
FORBIDDEN_OUTSIDE = {
    "remote.emitter": ["msgspec", "psutil", "torch", "textual"],
    "remote.vocabulary": ["modal", "torch", "transformers", "textual", "wandb", "numpy"],
    "remote.training": ["modal", "textual"],
    "tui_app.state": ["textual", "sqlite3"],
    "tui_app.render": ["textual", "sqlite3"],
}
VIEWER_NEVER_LOADS = ["modal", "torch", "transformers", "wandb", "numpy", "grpclib", "aiohttp"]


def modules() -> list[Path]:
    return sorted(path for top in ("remote", "tui_app") for path in (ROOT / top).rglob("*.py"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update(
                f"{node.module}.{alias.name}" if node.module in ("remote", "tui_app") else node.module
                for alias in node.names
            )
    return found


def room_of(module: str, rooms: list[str]) -> str | None:
    return max((room for room in rooms if within(module, room)), key=len, default=None)


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def faults(module: str, source: str) -> list[str]:
    """What in this module's imports breaks the order, one line each."""
    imported = imports_of(source)
    allowed = ALLOWED_OF_OURS.get(room_of(module, list(ALLOWED_OF_OURS)) or "")
    found = []
    if allowed is not None:
        ours = [name for name in imported if name.split(".")[0] in ("remote", "tui_app")]
        found += [f"{module} imports {name}" for name in ours if not any(within(name, ok) for ok in allowed)]
    for name in FORBIDDEN_OUTSIDE.get(room_of(module, list(FORBIDDEN_OUTSIDE)) or "", []):
        found += [f"{module} imports {i}" for i in imported if within(i, name)]
    return found


def test_every_import_runs_one_way() -> None:
    broken = [line for path in modules() for line in faults(dotted(path), path.read_text())]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("remote.vocabulary.events", "import modal"),
        ("remote.vocabulary.events", "from remote.records import event_log"),
        ("remote.training.learner", "from remote.records.checkpoint_store import save"),
        ("remote.local_cloud.scheduler", "from remote.vocabulary import retry_policy"),
        ("tui_app.widgets.chart", "from tui_app.journal import reader"),
        ("tui_app.cli", "from remote.local_cloud import daemon"),
        ("tui_app.cli", "from remote import records"),
    ],
)
def test_an_import_against_the_order_is_seen(module: str, line: str) -> None:
    assert faults(module, line)


def test_every_module_says_what_it_is_for() -> None:
    silent = [dotted(path) for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


@pytest.mark.parametrize("module", ["tui_app.app", "tui_app.cli"])
def test_a_viewer_loads_nothing_heavy(module: str) -> None:
    script = f"import sys, {module}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(VIEWER_NEVER_LOADS) & set(loaded.stdout.split())
