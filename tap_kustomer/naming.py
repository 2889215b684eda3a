"""How names of the API become names of columns and streams.

Pure functions; nothing here knows a stream or a setting.
"""

from __future__ import annotations

import hashlib
import re
import sys
from functools import lru_cache

__all__ = ["MAX_IDENTIFIER_BYTES", "fit_identifier", "klass_stream_name", "snake_case"]

# PostgreSQL cuts identifiers at 63 bytes without a word; two long names would become one.
MAX_IDENTIFIER_BYTES = 63

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_IDENTIFIER = re.compile(r"[^a-z0-9_]")


@lru_cache(maxsize=4096)
def snake_case(name: str) -> str:
    """Return the column name of an API attribute.

    A new word starts at an upper-case letter behind a lower-case letter or digit, and at the
    last upper-case letter of a run when a lower-case letter follows. Other characters than
    letters, digits and ``_`` become ``_``.

    >>> snake_case("updatedAt"), snake_case("avatarURL"), snake_case("s3DataUrl")
    ('updated_at', 'avatar_url', 's3_data_url')
    >>> snake_case("firstMessageIn"), snake_case("twitter-dm"), snake_case("_id")
    ('first_message_in', 'twitter_dm', '_id')
    """
    # One object for one name: rows are looked into by it all the time.
    return sys.intern(_NOT_IDENTIFIER.sub("_", _WORD_START.sub("_", name).lower()))


def fit_identifier(name: str, unique: str, limit: int = MAX_IDENTIFIER_BYTES) -> str:
    """Return ``name``, cut and given a suffix made from ``unique`` when it is too long.

    Units: ``limit`` is in UTF-8 bytes. The suffix depends on ``unique`` only, so the same
    object has the same name in every run.
    """
    if len(name.encode()) <= limit:
        return name
    suffix = "_" + short_suffix(unique)
    cut = name.encode()[: limit - len(suffix)].decode(errors="ignore")
    return cut + suffix


def short_suffix(unique: str) -> str:
    """Return six characters that tell objects of one name apart, stable over runs."""
    return hashlib.sha256(unique.encode()).hexdigest()[:6]


def klass_stream_name(klass: str) -> str:
    """Return the plain stream name of a custom klass, before collisions are settled.

    >>> klass_stream_name("ecomm-order"), klass_stream_name("Device2")
    ('kobject_ecomm_order', 'kobject_device2')
    """
    return "kobject_" + _NOT_IDENTIFIER.sub("_", klass.lower())
