"""Kustomer's webhooks: received into a spool, which the stream `webhook_events` reads.

Only `receiver` and `serve` need the extra `webhooks`; the tap imports `spool` and nothing else.
"""
