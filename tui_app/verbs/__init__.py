"""The command line's verbs, by what they do: read, act, or look after processes."""
