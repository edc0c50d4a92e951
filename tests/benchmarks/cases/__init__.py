"""Tests of the cases that are measured."""
