"""What the operator has: the watcher, the journal, the dashboard and the command line."""

__version__ = "0.1.0"
