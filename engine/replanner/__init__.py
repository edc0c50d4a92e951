"""Decides when a plan is repaired, and when to stop."""
