"""How a run is written down: event log, archive, checkpoints, claims, commit log, registry."""
