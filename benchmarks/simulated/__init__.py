"""Simulated worlds: a model with known latencies, tools with known times, a clock that jumps."""
