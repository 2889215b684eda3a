"""All assumptions: what the code relies on and no source confirms."""

from __future__ import annotations

from tap_kustomer.ledger.ledger import Assumption
from tap_kustomer.ledger.of_answers import OF_ANSWERS
from tap_kustomer.ledger.of_lists import OF_LISTS
from tap_kustomer.ledger.of_rows import OF_ROWS
from tap_kustomer.ledger.of_searches import OF_SEARCHES

__all__ = ["ASSUMPTIONS"]

ASSUMPTIONS: tuple[Assumption, ...] = (*OF_ANSWERS, *OF_SEARCHES, *OF_LISTS, *OF_ROWS)
