"""From the org's own metadata to the schemas and names of its streams."""
