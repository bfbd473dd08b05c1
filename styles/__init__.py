"""The dashboard's style sheets, found beside this file wherever the package is installed."""

from pathlib import Path

FOLDER = Path(__file__).parent


def sheet(name: str) -> Path:
    """The path of ``<name>.tcss``."""
    return FOLDER / f"{name}.tcss"
