"""Tests with real parts: Meltano, DuckDB and singer-check-tap. `make e2e` runs them."""
