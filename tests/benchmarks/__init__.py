"""Figures, each beside its peer, measured in the same run. Nothing here asserts.

    python -m tests.benchmarks                 # all of them
    python -m tests.benchmarks save_holdup     # one, by the name of its file

A benchmark is a module of this package with ``run() -> list[Row]``; its name in `BENCHMARKS` is all that
it takes to be run. Results are kept in ``results.json``, a row a name; what was not run keeps its row.
"""

BENCHMARKS = (
    "save_holdup",
    "grpo_vs_trl",
    "three_seeds",
    "start_kinds",
    "local_cloud_calls",
    "local_cloud_tables",
    "local_cloud_commits",
    "dashboard_start",
    "dashboard_live",
    "dashboard_keys",
    "dashboard_stall",
    "dashboard_intake",
    "dashboard_silence",
    "dashboard_many",
)
