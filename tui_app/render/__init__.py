"""Pictures of numbers as plain text: formats, axes, buckets, rasters, plots. Pure functions.

Knows nothing of Textual, of SQLite or of runs: lines are lists of (text, role) spans, and a role is
a word such as "dim" that a widget turns into a colour.
"""
