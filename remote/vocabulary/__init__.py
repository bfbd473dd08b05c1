"""The words both sides share: events, commands, states, retry arithmetic, run configuration.

Pure values. Imports nothing of ours, no modal, no torch, no Textual; so the trainer, the watcher
and a viewer that must start in a quarter of a second can all use it.
"""
