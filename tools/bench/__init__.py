"""Benchmarks: `make bench` runs them and writes the table of docs/performance.md."""
