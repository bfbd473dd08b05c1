"""Runs benchmarks by name, prints their rows as they come, and keeps them."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

from tests.benchmarks import BENCHMARKS
from tests.benchmarks.rows import Row, keep, table

QUIET = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}


def main(names: list[str]) -> int:
    """0 if every benchmark ran, whatever it found; 2 for a name that does not exist."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    os.environ |= QUIET | {"PYTHONWARNINGS": "ignore"}
    done: list[Row] = []
    failed = []
    for name in names or BENCHMARKS:
        print(f"running {name} …", flush=True)
        try:
            rows: list[Row] = importlib.import_module(f"tests.benchmarks.{name}").run()
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        keep(rows)
        done += rows
    print(table(done))
    if failed:
        print(f"did not run: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
