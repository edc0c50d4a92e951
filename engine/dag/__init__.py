"""The plan as a graph: checking, scheduling state, analysis, pictures. Pure."""
