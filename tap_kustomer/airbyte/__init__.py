"""source-kustomer: the same streams as Airbyte messages.

Plain JSON, without any package of Airbyte; the tests hold it against Airbyte's own models.
"""
