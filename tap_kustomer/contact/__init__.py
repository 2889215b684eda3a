"""First contact with an org: what its API does, what the tap makes of it, and how to tell us."""
