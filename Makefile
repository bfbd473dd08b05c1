# The whole developer's interface. `make run` and `make test` set up what they need first.
# Python 3.11 or newer: PYTHON=/path/to/python3 chooses one.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help run smoke test check chaos bench screenshots down clean setup-base setup-trainer setup-dev

help:  ## what each command is for
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: setup-trainer  ## set up, start the local cloud and a real run, and watch it
	@$(BIN)/python -m tui_app demo

smoke: setup-base  ## the local cloud alone: retry, preemption, commit, re-attach (no torch)
	@$(BIN)/python -m remote.local_cloud.smoke

test: setup-dev check  ## set up, check, and run every test
	@$(BIN)/python -m remote.local_cloud.smoke
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: setup-dev  ## ruff and mypy strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

chaos: setup-dev  ## the large number of random kills
	@$(BIN)/python -m pytest -m chaos tests

bench: setup-dev  ## figures, never assertions
	@$(BIN)/python -m tests.benchmarks

screenshots: setup-dev  ## shoot every screen of a real run into screenshots/
	@$(BIN)/python scripts/screenshots.py

down:  ## stop every process that Middlewatch started
	@$(BIN)/python -m tui_app down

clean:  ## forget the installed environment
	rm -rf .venv

setup-base setup-trainer setup-serve setup-dev: setup-%:
	@$(PYTHON) scripts/install.py $*
