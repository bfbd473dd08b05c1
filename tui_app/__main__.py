"""The command's beginning; ``python -m tui_app`` is the same as ``middlewatch``.

What is made while modules are imported is no garbage, so it is not looked through for any: a tenth of the
time until the first screen.
"""

import gc
from typing import NoReturn


def main() -> NoReturn:
    """Import the command line, and be it."""
    gc.disable()
    from tui_app.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
