"""Widgets: each draws itself line by line from frozen values, and only the rows that changed.

They know the state, the render room and the vocabulary; not SQLite, not the network, not screens.
"""
