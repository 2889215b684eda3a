"""The streams: one class per Kustomer object, and how a resource becomes a row."""
