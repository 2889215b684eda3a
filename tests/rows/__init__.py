"""Tests of the rows: values, relationships, privacy."""
