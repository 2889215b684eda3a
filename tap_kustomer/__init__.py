"""tap-kustomer: a Singer tap that reads a Kustomer org completely and resumably."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
