"""Run the tap with ``python -m tap_kustomer``."""

from __future__ import annotations

from tap_kustomer.tap import TapKustomer

if __name__ == "__main__":
    TapKustomer.cli()
