"""Assistants as A2A agents."""
