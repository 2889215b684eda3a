"""Tests: the real tap against the simulated org, over HTTP."""
