"""``python -m tap_kustomer.airbyte``: the same as ``source-kustomer``."""

from tap_kustomer.cli.start import source

if __name__ == "__main__":
    source()
