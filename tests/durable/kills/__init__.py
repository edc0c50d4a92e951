"""Processes that are killed and frozen while they drive runs, and what must hold afterwards."""
