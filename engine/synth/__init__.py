"""Writes the answer: with a model (``llm``), or from a template and what was found (``template``)."""
