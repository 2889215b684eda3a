"""How a resource becomes a row: values, relationships, stream maps. Knows no stream."""
