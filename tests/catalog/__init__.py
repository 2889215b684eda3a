"""Tests of the catalog: discovery, schemas, names."""
