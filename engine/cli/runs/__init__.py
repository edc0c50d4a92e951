"""``engine runs``: what a store holds, looked at and moved on."""
