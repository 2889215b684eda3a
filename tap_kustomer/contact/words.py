"""Stand-ins for values: of the same type, length and order, and never the value itself."""

from __future__ import annotations

import math
import random
import re
import string
import threading
from datetime import datetime, timedelta

from tap_kustomer import timestamps
from tap_kustomer.rows.values import is_masked

__all__ = ["StandIns"]

_FILLER = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor "
_LONGEST_WORD = 64  # characters; what is longer, or has blanks, is a text
_TRIES = 200
_YEARS = (15, 20)  # back, so that no shifted day is one of the org's
_DAY_MS = 86_400_000
_HEX = re.compile(r"[0-9a-f]{8,}", re.ASCII)
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_MOMENT = re.compile(
    r"(?P<head>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d)?)(?P<fraction>[.,]\d+)?"
    r"(?P<zone>\s*(?:[Zz]|[+-]\d\d:?\d\d))?",
    re.ASCII,
)
_MARKS = ".:;!?-+=~"
_MOST_DIGITS = 15  # what a float holds exactly
_FIRST_EPOCH, _LAST_EPOCH = 946_684_800, 4_102_444_800  # 2000 and 2100, in seconds


class StandIns:
    """Gives each value its stand-in; equal values get equal ones. Any thread may ask."""

    def __init__(self, rng: random.Random | None = None) -> None:
        """Choose the secrets; they are kept nowhere else."""
        self._rng = rng or random.SystemRandom()
        years = self._rng.uniform(*_YEARS)
        self._shift = timedelta(milliseconds=-int(years * 365.25 * _DAY_MS))
        self._bend = self._rng.uniform(1.0, 2.0)
        self._squeeze = self._rng.uniform(0.6, 0.95)
        self._words: dict[str, str] = {"": ""}
        self._taken: set[str] = {""}
        self._lock = threading.Lock()

    # ------------------------------------------------------------ texts

    def text(self, value: str) -> str:
        """Return the stand-in of any text: a shifted time, a word, or filler."""
        shifted = self.moment(value)
        if shifted is not None:
            return shifted
        if not value.strip() or is_masked(value):
            return value
        if len(value) > _LONGEST_WORD or any(char.isspace() for char in value):
            return (_FILLER * (len(value) // len(_FILLER) + 1))[: len(value)]
        return self.word(value)

    def word(self, value: str) -> str:
        """Return the stand-in of an id, a name or another short text; no two share one."""
        with self._lock:
            known = self._words.get(value)
            if known is None:
                known = self._new_word(value)
                self._words[value] = known
                self._taken.add(known)
            return known

    def _new_word(self, value: str) -> str:
        is_hex = _HEX.fullmatch(value) is not None and not value.isdecimal()
        alphabet: str | None = "0123456789abcdef" if is_hex else ""
        if value.isascii() and not any(map(str.isalnum, value)):
            alphabet = None  # signs stay in a word, but not where there is nothing else
        for _ in range(_TRIES):
            made = "".join(self._char(char, alphabet) for char in value)
            if made not in self._taken and (made != value or len(value) == 1):
                return made
        while made in self._taken:  # so short that all others are taken
            made += self._rng.choice(string.ascii_lowercase)
        return made

    def _char(self, char: str, alphabet: str | None) -> str:
        choose = self._rng.choice
        if alphabet:
            return choose(alphabet)
        if alphabet is None:
            return choose(_MARKS)
        if char in string.digits:
            return choose(string.digits[char != "0" :])
        if char in string.ascii_lowercase:
            return choose(string.ascii_lowercase)
        if char in string.ascii_uppercase:
            return choose(string.ascii_uppercase)
        return char if char.isascii() else choose(string.ascii_lowercase)

    # ------------------------------------------------------------ times

    def moment(self, value: str) -> str | None:
        """Return a time of any usual form, shifted by the secret; ``None`` for what is none."""
        if (match := _DAY.fullmatch(value)) is not None:
            moment = self._shifted(f"{value}T00:00:00Z")
            return None if moment is None else f"{moment:%Y-%m-%d}".rjust(10, "0")
        match = _MOMENT.fullmatch(value)
        moment = None if match is None else self._shifted(value)
        if match is None or moment is None:
            return None
        head = moment.isoformat(sep=value[10], timespec="seconds")[: len(match["head"])]
        fraction = match["fraction"] or ""
        if fraction:
            digits = f"{moment.microsecond:06d}".ljust(len(fraction) - 1, "0")
            fraction = fraction[0] + digits[: len(fraction) - 1]
        return f"{head}{fraction}{match['zone'] or ''}"

    def _shifted(self, value: str) -> datetime | None:
        # The zone stays as it is, so the time of day in it is what moves.
        match = _MOMENT.fullmatch(value)
        local = value if match is None else f"{match['head']}{match['fraction'] or ''}Z"
        try:
            return timestamps.parse(local) + self._shift
        except (ValueError, OverflowError):
            return None

    def epoch(self, seconds: float) -> float:
        """Return a Unix time in seconds, shifted."""
        return seconds + self._shift.total_seconds()

    # ------------------------------------------------------------ numbers

    def number(self, value: float, *, is_time: bool = False) -> float:
        """Return a number of as many digits, or one more; larger ones stay larger, or become equal.

        ``is_time``: a number that looks like a Unix time is shifted as one.
        """
        if value in {math.inf, -math.inf} or value != value:  # noqa: PLR0124 - not a number
            return 0.0
        if is_time:
            for unit in (1000, 1):
                if _FIRST_EPOCH <= value / unit <= _LAST_EPOCH:
                    moved: float = value + self._shift.total_seconds() * unit
                    return int(moved) if isinstance(value, int) else moved
        if value < 0:
            return -self.number(-value)
        if isinstance(value, int):
            return self._whole(value)
        text = repr(value)
        decimals = len(text.partition(".")[2]) if "e" not in text else 2
        scale: int = 10**decimals
        scaled = self._whole(round(value * scale))
        return round(scaled / scale, decimals)

    def _whole(self, value: int) -> int:
        if len(str(value)) > _MOST_DIGITS:
            return int(self.word(str(value)))
        if value < 2:  # noqa: PLR2004 - nothing and one, which are flags as often as numbers
            return value
        low: int = max(10 ** (len(str(value)) - 1), 2)
        high: int = 10 ** len(str(value)) - 1
        if value == high:  # no number of as many digits is larger
            return high + 1 + round(high * self._squeeze / 100)
        # Always above the value: no number is its own stand-in.
        left = (high - value) / (high - low)
        down: float = (high - low) * self._squeeze * left**self._bend
        return max(high - round(down), value + 1)
