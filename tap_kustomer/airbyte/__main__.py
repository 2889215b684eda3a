"""``python -m tap_kustomer.airbyte``: the same as ``source-kustomer``."""

from tap_kustomer.airbyte.source import main

if __name__ == "__main__":
    main()
