"""Writes the parts of the documents that the code knows best."""
