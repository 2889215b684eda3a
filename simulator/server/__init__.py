"""The org behind HTTP: budgets, faults, outages, and the control plane."""
