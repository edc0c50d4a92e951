"""Writes plans: with a model (``llm``), in a compact grammar (``grammar``), read while they stream (``read``)."""
