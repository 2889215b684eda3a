"""Tests of the client: budgets, retries, refusals and secrets."""
