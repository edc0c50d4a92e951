"""Performs the commands of the scheduler: runs steps."""
