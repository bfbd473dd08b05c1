"""The floor: what any Textual application costs. ``python tests/benchmarks/empty_app.py``."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class Empty(App[None]):
    """One Static."""

    def compose(self) -> ComposeResult:
        """Enough words to be found on the screen."""
        yield Static("nothing but this")


if __name__ == "__main__":
    Empty().run()
