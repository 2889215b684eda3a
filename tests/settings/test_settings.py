"""Every setting wrong in every way is refused by its name, before the first request."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from tap_kustomer import timestamps
from tap_kustomer.errors import SettingsError
from tap_kustomer.settings.environment import settings_from_environment
from tap_kustomer.settings.values import SETTINGS_SCHEMA, Settings
from tap_kustomer.tap import TapKustomer
from tests.support import run_tap

KEY = "k-3f9c2b"
OPTIONAL = ("audit_logs", "kviews")
NUMBERS = {
    "lists_every_minutes": (0, 525_600),
    "lookback_seconds": (0, 86_400),
    "page_size": (1, 500),
    "search_requests_per_minute": (1, 100_000),
    "requests_per_minute": (1, 1_000_000),
    "api_utilization_percentage": (1, 100),
    "max_concurrency": (1, 64),
    "request_timeout": (1, 3_600),
    "backoff_max_elapsed_seconds": (0, 86_400),
}
FLAGS = [name for name, one in SETTINGS_SCHEMA["properties"].items() if "boolean" in one["type"]]
TEXTS = ("org_name", "region", "api_url", "start_date", "end_date", "unknown_fields", "user_agent")
LISTS = ("optional_streams", "audit_log_object_types")


def settings(**config: Any) -> Settings:
    """Return the checked settings."""
    return Settings.from_config({"api_key": KEY, **config}, optional_names=OPTIONAL)


def problems(**config: Any) -> list[str]:
    """Return what is wrong, at least one thing."""
    with pytest.raises(SettingsError) as caught:
        settings(**config)
    return list(caught.value.errors)


def wrong_values() -> list[tuple[str, Any]]:
    """Return a wrong value for each setting and kind of wrong."""
    flags: list[Any] = [0, 1, "true", [], {}]
    texts: list[Any] = [7, True, ["x"], {"a": 1}]
    lists: list[Any] = [7, "users", {"a": 1}, [7], ["nobody"]]
    cases: list[tuple[str, Any]] = []
    for name, (low, high) in NUMBERS.items():
        numbers: list[Any] = [low - 1, high + 1, 1.5, True, "5", [5], {}]
        cases += [(name, value) for value in numbers]
    cases += [(name, value) for name in FLAGS for value in flags]
    cases += [(name, value) for name in TEXTS for value in texts]
    cases += [(name, value) for name in LISTS for value in lists]
    cases += [
        ("region", "US"),
        ("region", "au"),
        ("unknown_fields", "ignore"),
        ("org_name", "ac me"),
        ("org_name", "acme.example.com"),
        ("org_name", "-acme"),
        ("api_url", "acme.api.kustomerapp.com"),
        ("api_url", "ftp://acme.api.kustomerapp.com"),
        ("api_url", "https://"),
        ("api_url", "https://acme.example/v2"),
        ("api_url", "https://acme.example/v1?x=1"),
        ("api_url", "https://user:secret@acme.example"),
        ("api_url", "https://acme.example:port"),
        ("api_url", "https://ac me.example"),
        ("api_url", "https://[::1"),
        ("api_url", "http://acme.example"),
        ("api_url", "http://127.0.0.1.example.com"),
        ("api_url", "http://10.0.0.1"),
        ("start_date", "yesterday"),
        ("start_date", "2024-02-30"),
        ("start_date", "01/31/2024"),
        ("start_date", "2099-01-01"),
        ("end_date", "2024-01-31T25:00:00Z"),
        ("start_date", "2025-01-01T00:00:00-99:00"),
        ("start_date", "2025-01-01T00:00:00-24:00"),
        ("end_date", "2025-01-01T00:00:00+1499"),
        ("user_agent", "tap\r\nX-Evil: 1"),
        ("user_agent", "täp"),
        ("stream_maps", "users"),
        ("stream_maps", {"users": "email"}),
        ("stream_maps", {"users": []}),
        ("stream_maps", {"users": [{"email": None}]}),
        ("stream_maps", {"users": 7}),
        ("stream_maps", {"users": {"email": "md5("}}),
        ("stream_maps", {"users": {"email": 7}}),
        ("stream_maps", {"users": {"__filter__": "if"}}),
        ("flattening_max_depth", -1),
        ("flattening_max_depth", "1"),
        ("flattening_max_key_length", 1),
        ("flattening_enabled", "yes"),
    ]
    return cases


@pytest.mark.parametrize(("name", "value"), wrong_values(), ids=repr)
def test_a_wrong_value_is_refused_by_name(name: str, value: Any) -> None:
    """One sentence that begins with the setting, and says what is wanted."""
    found = problems(**{name: value})
    assert len(found) == 1, found
    assert found[0].startswith(f"`{name}`")
    assert found[0].endswith(".")


@pytest.mark.parametrize("value", [7, 1.5, True, [KEY], {"key": KEY}, f"{KEY} {KEY}", "", "\n"])
def test_a_wrong_key_is_refused_and_never_shown(value: Any) -> None:
    """Whatever its type: a list of one key is a key all the same."""
    found = problems(api_key=value)
    assert found[0].startswith("`api_key`")
    assert KEY not in " ".join(found)


def test_a_missing_key_says_where_to_make_one() -> None:
    """The first thing that a new user meets."""
    with pytest.raises(SettingsError, match="`api_key` is missing: create a key in Kustomer"):
        Settings.from_config({}, optional_names=())


@pytest.mark.parametrize(
    "pasted",
    [f" {KEY}\n", f'"{KEY}"', f"'{KEY}'", f"Bearer {KEY}", f"bearer   {KEY}", f'"Bearer {KEY}" '],
)
def test_what_is_pasted_around_a_key_is_removed(pasted: str) -> None:
    """Quotes from a shell, a word from a header, a line end from a file."""
    assert settings(api_key=pasted).api_key == KEY


def test_the_key_is_not_in_the_settings_text() -> None:
    """Settings end up in logs and debuggers."""
    assert KEY not in repr(settings())
    assert KEY not in str(settings())


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({}, "https://api.kustomerapp.com"),
        ({"region": "eu"}, "https://api.prod2.kustomerapp.com"),
        ({"region": "in"}, "https://api.prod4.kustomerapp.com"),
        ({"org_name": "acme"}, "https://acme.api.kustomerapp.com"),
        ({"org_name": " Acme.kustomerapp.com "}, "https://acme.api.kustomerapp.com"),
        ({"org_name": "https://acme.kustomerapp.com/app"}, "https://acme.api.kustomerapp.com"),
        ({"org_name": "acme.api.kustomerapp.com"}, "https://acme.api.kustomerapp.com"),
        ({"org_name": "acme", "region": "eu"}, "https://acme.api.kustomerapp.com"),
        ({"api_url": "https://Proxy.example:8443/v1/"}, "https://proxy.example:8443"),
        ({"api_url": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080"),
        ({"api_url": "http://localhost:8080/"}, "http://localhost:8080"),
        ({"api_url": "http://[::1]:8080"}, "http://[::1]:8080"),
    ],
    ids=str,
)
def test_the_host_follows_from_the_settings(config: dict[str, Any], url: str) -> None:
    """`api_url` before `org_name` before `region`."""
    assert settings(**config).api_url == url


def test_several_problems_are_told_at_once() -> None:
    """One run per typo would be tedious."""
    found = problems(page_size=0, region="moon", start_date="soon")
    assert len(found) == 3


def test_dates_in_the_wrong_order_are_refused() -> None:
    """Nothing could be read between them."""
    found = problems(start_date="2025-01-02", end_date="2025-01-01")
    assert "`start_date` lies after `end_date`" in found[0]


def test_an_end_before_the_default_start_is_refused() -> None:
    """Nothing could be read between them, and each run would call that complete."""
    found = problems(end_date="2019-01-01")
    assert "`end_date` lies over two years back" in found[0]
    assert settings(end_date="2019-01-01", start_date="2018-01-01").end_date


@pytest.mark.parametrize("hours", [1, 20])
def test_a_start_within_the_next_day_warns(sim: Simulator, tmp_path: Path, hours: int) -> None:
    """As the day that has begun in Auckland: its rows are still to come, and zero look complete."""
    sim.org.add("customer")
    start = timestamps.from_epoch(time.time() + hours * 3_600)
    output = run_tap(
        {**sim.config, "start_date": start}, select=["customers", "tags"], folder=tmp_path
    )
    assert output.status == 0, output.stderr
    assert output.counts["customers"] == 0
    assert output.stderr.count("`start_date` lies in the future") == 1


def test_a_misspelt_stream_gets_a_hint() -> None:
    """With the nearest name."""
    assert "did you mean audit_logs?" in problems(optional_streams=["audit_log"])[0]


def test_unknown_settings_warn_with_the_nearest_name(caplog: pytest.LogCaptureFixture) -> None:
    """They have no effect; a typo must not pass in silence."""
    with caplog.at_level(logging.WARNING):
        TapKustomer(config={"api_key": KEY, "star_date": "2024-01-01"}, setup_mapper=False)
    assert "`star_date` is unknown and has no effect; did you mean `start_date`?" in caplog.text


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("50", "page_size", 50),
        ("many", "page_size", "many"),
        ("TRUE", "include_deleted", True),
        ("no", "include_deleted", False),
        ("maybe", "include_deleted", "maybe"),
        ('["kviews"]', "optional_streams", ["kviews"]),
        ("kviews, audit_logs", "optional_streams", ["kviews", "audit_logs"]),
        ('["kviews"', "optional_streams", '["kviews"'),
        ("eu", "region", "eu"),
    ],
)
def test_the_environment_is_read_by_type(
    monkeypatch: pytest.MonkeyPatch, text: str, name: str, value: Any
) -> None:
    """A text that does not fit stays, so that the check names its setting."""
    monkeypatch.setenv(f"TAP_KUSTOMER_{name.upper()}", text)
    assert settings_from_environment(SETTINGS_SCHEMA, "TAP_KUSTOMER_")[name] == value


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedulers often cannot leave a variable out."""
    monkeypatch.setenv("TAP_KUSTOMER_START_DATE", " ")
    assert "start_date" not in settings_from_environment(SETTINGS_SCHEMA, "TAP_KUSTOMER_")


def test_an_empty_setting_is_not_set() -> None:
    """As forms, schedulers and Meltano write what nobody filled in; the key is still needed."""
    names = {name for name in SETTINGS_SCHEMA["properties"] if name != "api_key"}
    plain = settings()
    for empty in ("", "  ", None):
        assert settings(**dict.fromkeys(names, empty)) == plain
        (problem,) = problems(api_key=empty)
        assert "`api_key` is missing" in problem


@pytest.mark.parametrize("args", [(), ("--discover",), ("--test",), ("--check",)], ids=str)
def test_wrong_settings_send_no_request(
    sim: Simulator, tmp_path: Path, args: tuple[str, ...]
) -> None:
    """Not even the question who the key belongs to."""
    config = {**sim.config, "page_size": 9_000, "api_key": [sim.config["api_key"]]}
    output = run_tap(config, *args, folder=tmp_path)
    assert output.status == 1
    assert "`page_size` must be a whole number from 1 to 500." in output.stderr
    assert "`api_key` must be a text" in output.stderr
    assert sim.config["api_key"] not in output.stderr
    assert "Traceback" not in output.stderr
    assert not sim.requests
