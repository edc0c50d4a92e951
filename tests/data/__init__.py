"""Whole runs over public data: a tutorial's plans, ParallelQA's questions, recorded workflows."""
