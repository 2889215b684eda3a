"""The ledger of assumptions: what nobody confirmed, as data, and what a run saw of it."""
