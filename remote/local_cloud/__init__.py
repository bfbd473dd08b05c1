"""A cloud on one machine that speaks Modal's own protocol.

The unmodified client, CLI and container entrypoint of modal 1.6 run against it, offline. It knows
nothing of training, of events or of the dashboard: it imports no other package of ours.
"""
