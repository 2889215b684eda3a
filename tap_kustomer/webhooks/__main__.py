"""`python -m tap_kustomer.webhooks`."""

from tap_kustomer.webhooks.cli import main

if __name__ == "__main__":
    main()
