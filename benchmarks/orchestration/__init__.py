"""The same cases done by ReAct, by plan-and-execute and by peers, with a model that knows the right answers."""
