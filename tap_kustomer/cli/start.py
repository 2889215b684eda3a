"""Where both commands begin: what they need must be there, else a sentence says what is not.

A target in the same environment may have brought older packages, or others of the same name.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

__all__ = ["source", "tap"]


def tap() -> None:
    """Run ``tap-kustomer``."""
    _imported("tap_kustomer.tap").TapKustomer.cli()


def source() -> None:
    """Run ``source-kustomer``."""
    _imported("tap_kustomer.airbyte.source").main()


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - whatever another version of a package does
        sys.exit(
            "The packages that tap-kustomer needs are missing or of another version "
            f"({type(error).__name__}: {error}). Install it into its own environment, "
            "without a target: `pipx install`, `uv tool install` and Meltano do that.",
        )
