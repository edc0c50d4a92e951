"""The only way to reach a model."""
