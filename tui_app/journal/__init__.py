"""What the operator's side remembers: journal.db (the watcher writes, viewers read) and intents.db
(viewers write, the watcher reads). One writer a file; imports no modal and no Textual."""
