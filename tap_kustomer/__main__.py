"""Run the tap with ``python -m tap_kustomer``."""

from __future__ import annotations

from tap_kustomer.cli.start import tap

if __name__ == "__main__":
    tap()
