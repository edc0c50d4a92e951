"""Writes plans with a model."""
