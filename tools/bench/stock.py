"""The same work done the stock way: a small tap on the SDK's `RESTStream`, as a baseline.

It reads conversations by keyset, page 1 of a search from the last timestamp on, and leaves
parsing, conformance, selection and writing to the SDK: ``python -m tools.bench.stock --config
c.json``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import requests
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import BaseAPIPaginator
from typing_extensions import override

from tap_kustomer.catalog.schema import stream_schema

_COLUMNS = stream_schema("conversations")["properties"]


class _Keyset(BaseAPIPaginator[str]):
    @override
    def has_more(self, response: requests.Response) -> bool:
        content = response.json()
        return bool(len(content["data"]) < content["meta"]["total"])

    @override
    def get_next(self, response: requests.Response) -> str:
        return str(response.json()["data"][-1]["attributes"]["updatedAt"])


class StockConversations(RESTStream[str]):
    """Conversations, with the columns of the real stream."""

    name = "conversations"
    path = "/v1/customers/search"
    http_method = "POST"
    primary_keys = ("id",)
    replication_key = "updated_at"
    schema = {"type": "object", "properties": _COLUMNS}  # noqa: RUF012 - as the SDK declares it

    @property
    @override
    def url_base(self) -> str:
        return str(self.config["api_url"])

    @property
    @override
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["api_key"])

    @override
    def get_new_paginator(self) -> _Keyset:
        return _Keyset(self.config["start_date"])

    @override
    def get_url_params(self, context: Any, next_page_token: str | None) -> dict[str, Any]:
        return {"page": 1, "pageSize": 500}

    @override
    def prepare_request_payload(self, context: Any, next_page_token: str | None) -> dict[str, Any]:
        return {
            "queryContext": "conversation",
            "and": [{"conversation_updated_at": {"gte": next_page_token}}],
            "sort": [{"conversation_updated_at": "asc"}],
        }

    @override
    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        for resource in response.json()["data"]:
            row = {
                "".join(f"_{c.lower()}" if c.isupper() else c for c in name): value
                for name, value in resource["attributes"].items()
            }
            yield {"id": resource["id"], **row}


class StockTap(Tap):
    """A tap of one stream."""

    name = "tap-stock"
    config_jsonschema = th.PropertiesList(
        th.Property("api_key", th.StringType, required=True, secret=True),
        th.Property("api_url", th.StringType, required=True),
        th.Property("start_date", th.DateTimeType, required=True),
    ).to_dict()

    @override
    def discover_streams(self) -> list[StockConversations]:
        return [StockConversations(self)]


if __name__ == "__main__":
    StockTap.cli()
