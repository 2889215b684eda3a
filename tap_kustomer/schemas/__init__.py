"""The JSON Schema of each stream's standard columns, one file per stream."""
