"""ReAct: one turn at a time."""
