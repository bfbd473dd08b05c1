"""``python -m tui_app`` is the same as ``middlewatch``."""

from tui_app.cli import main

if __name__ == "__main__":
    main()
