"""The readers of searches, each alone against an index in memory: milliseconds a test."""
