"""Tests of the readers: searches that lose no row."""
