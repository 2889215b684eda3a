"""``check``: may this key read this org, without reading it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from tap_kustomer.airbyte.spec import tap_config
from tap_kustomer.airbyte.tap import SourceTap
from tap_kustomer.cli.check_stream import MISSING_ROLE, check_stream
from tap_kustomer.errors import MissingRoleError
from tap_kustomer.settings.values import Settings
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.registry import OPTIONAL_STREAMS, STREAM_NAMES
from tap_kustomer.sync import role_advice

__all__ = ["check", "modest"]

logger = logging.getLogger("tap-kustomer")

# Airbyte's pages wait for the answer, so a host that does not answer is given up early.
_PATIENCE = 30  # seconds
_ASKED_BY_SEARCH = "customers"


def modest(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` for a check: one row is enough, and nobody waits long for an answer.

    Raises: ``SettingsError`` for a setting that a sync would refuse.
    """
    wanted = Settings.from_config(
        tap_config(config), optional_names=OPTIONAL_STREAMS, streams=STREAM_NAMES
    )
    patience = min(wanted.backoff_max_elapsed_seconds, _PATIENCE)
    return {**config, "page_size": 1, "backoff_max_elapsed_seconds": patience}


def check(tap: SourceTap) -> None:
    """Ask Kustomer who the key is, and for one row of a search, which most streams need.

    Streams whose role the key does not list are asked for, too: the listed roles alone decide
    nothing. Those that are refused are logged; a sync skips them.
    Raises: an error of ``tap_kustomer.errors`` with the sentence for the user.
    """
    streams = [one for one in tap.streams.values() if isinstance(one, KustomerStream)]
    searched = next(one for one in streams if one.name == _ASKED_BY_SEARCH)
    try:
        searched.ensure_prepared()
    except MissingRoleError as error:
        msg = f"{error} {role_advice(searched)}"
        raise MissingRoleError(msg) from None
    doubtful = [one for one in streams if one is not searched and one.org.may(one.roles) is False]
    for stream in doubtful:
        if check_stream(stream).readable == MISSING_ROLE:
            logger.warning("%s cannot be read. %s", stream.name, role_advice(stream))
