"""What docs/orchestrators.md and docs/operations.md recommend, run for real: `make recipes`."""
