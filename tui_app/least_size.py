"""The smallest terminal in which the dashboard can be read."""

COLUMNS, ROWS = 80, 24


def fits(columns: int, rows: int) -> bool:
    """Whether anything sensible can be shown in this size."""
    return columns >= COLUMNS and rows >= ROWS
