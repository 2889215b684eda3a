"""What `make demo` runs: a simulated org, Meltano, DuckDB."""
