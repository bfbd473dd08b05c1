"""The process between the operator and Modal: it follows every run into the journal and carries out
what viewers ask. The only room on the operator's side that imports modal."""
