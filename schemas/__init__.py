"""Shared data, Protocols and errors; imports nothing else of this project."""
