"""What is known of a run, as pure values: (view, event) → view, and rules over it."""
