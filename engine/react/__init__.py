"""ReAct: the model looks at the results and decides, turn by turn, what to call next."""
