"""Benchmarks: items -> answers -> verdicts -> scores -> summary, each step on disk."""
