"""The one way out to Kustomer: authentication, budgets, retries, errors."""
