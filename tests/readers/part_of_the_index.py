"""A simulated index of which one shard fails for one search."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import index as simulated_index
from simulator import search as simulated_search

__all__ = ["PartOfTheIndex"]


class PartOfTheIndex:
    """Lets one search be answered from a part of the index, total and rows alike."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer all searches truly until ``bad`` names one."""
        self.searches = 0
        self.bad = 0  # the number of the search that is answered from a part
        self.share = 5  # one row of so many is missing; 1: all are
        self._is_down = False
        find, keys = simulated_search.find, simulated_index.IndexView.keys

        def find_in_part(*args: Any) -> Any:
            self.searches += 1
            self._is_down = self.searches == self.bad
            try:
                return find(*args)
            finally:
                self._is_down = False

        def keys_of_part(view: Any, **options: Any) -> Any:
            found = keys(view, **options)
            return [key for key in found if key[1] % self.share] if self._is_down else found

        monkeypatch.setattr(simulated_search, "find", find_in_part)
        monkeypatch.setattr(simulated_index.IndexView, "keys", keys_of_part)
