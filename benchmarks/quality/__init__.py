"""How near the plans of a model are to the right ones."""
