"""Streams that a user names: every documented list, odd ones, and entries that are wrong."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from simulator import Clock, Fault, Org, Simulator
from simulator.api.endpoints import documented
from tap_kustomer import clock as tap_clock
from tap_kustomer.errors import SettingsError
from tap_kustomer.settings.values import Settings
from tap_kustomer.streams.registry import STREAM_NAMES
from tap_kustomer.tap import TapKustomer
from tests.rows.test_privacy import FLAT, assert_valid
from tests.support import FAST, Output, run_tap, sync_tap
from tools.docs.endpoints_page import entries_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    JSON = dict[str, Any]

REGISTRIES = Path(__file__).parents[3] / "shared" / "reference" / "openapi" / "operations.json"


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An empty org."""
    with Simulator(org=Org(seed=6), limits=False) as simulator:
        yield simulator


def read(server: Simulator, *entries: JSON, select: tuple[str, ...] = (), **more: Any) -> Output:
    """Run the tap over the streams of ``entries``."""
    names = [*(entry["name"] for entry in entries), *select, "sync_runs"]
    state, clock = more.pop("state", None), more.pop("clock", None)
    config = {**server.config, "start_date": "2020-01-01", "extra_streams": list(entries), **more}
    return sync_tap(config, names, state=state, clock=clock)


def status(output: Output, stream: str) -> JSON:
    """Return how a stream ended."""
    [row] = [row for row in output.records("sync_runs") if row["stream"] == stream]
    return row


def key_of(output: Output, stream: str) -> str:
    """Return the key of a stream's rows."""
    [key] = output.of_type("SCHEMA", stream)[-1]["key_properties"]
    return str(key)


def rows(count: int, **attributes: Any) -> list[JSON]:
    """Return resources with these attributes."""
    return [
        {"type": "thing", "id": f"{number:024x}", "attributes": {"name": "x", **attributes}}
        for number in range(count)
    ]


# ------------------------------------------------------------------ every documented list


def whole_org() -> Org:
    """Return an org with a row of everything that a path may stand below."""
    org = Org(seed=9)
    org.add_klass("order")
    [customer] = org.add("customer")
    [company] = org.add("company")
    [conversation] = org.add("conversation", parents={"customer": customer})
    family: dict[str, str | list[str]] = {"customer": customer, "conversation": conversation}
    for context in ("message", "note", "conversation_time", "work_item", "customer_event",
                    "attachment", "forward", "draft", "session", "customer_merge"):  # fmt: skip
        org.add(context, 2, parents=family)
    org.add("kobject_order", 2, parents={"customer": customer, "company": company})
    for context in ("user", "team", "tag", "shortcut", "brand", "queue", "schedule", "satisfaction",
                    "snooze", "kb_article", "kb_category", "card", "kview", "outbound_webhook",
                    "spam_sender", "role_group", "queue_rule", "work_session", "routing_status",
                    "routing_settings", "shortcut_category", "snippet", "workflow",
                    "ai_automation"):  # fmt: skip
        org.add(context, 2)
    for kind in ("conversation", "kobject"):
        org.add("sub_status", resourceType=kind)
    return org


def test_every_documented_list_is_read_with_its_ready_line() -> None:
    """Connectors stop where their authors stopped; this one reads what the vendor lists."""
    entries = {entry["name"]: entry for one in documented() for entry in entries_for(one)}
    with Simulator(whole_org(), limits=False, endpoint_rows=3, list_max_page_size=2) as server:
        pace: dict[str, Any] = {
            "requests_per_minute": 100_000,
            "search_requests_per_minute": 10_000,
        }
        output = read(server, *entries.values(), **pace)

    ended = {name: status(output, name) for name in entries}
    assert {name: row["error"] for name, row in ended.items() if row["error"]} == {}
    assert {name for name in entries if not output.records(name)} == set()
    for name in entries:
        validator = Draft202012Validator(output.schema(name))
        assert all(validator.is_valid(row) for row in output.records(name)), name
        keys = [row[key_of(output, name)] for row in output.records(name)]
        assert all(keys), name


@pytest.mark.skipif(not REGISTRIES.exists(), reason="the vendor's registries are not here")
def test_the_list_of_endpoints_is_that_of_the_registries() -> None:
    """What is shipped are facts of the registries, and all of them."""
    reads = [one for one in json.loads(REGISTRIES.read_bytes()) if one["method"] == "GET"]
    versioned = ("/v1/", "/v3/", "/p/")
    paths = {
        one["path"]
        if one["path"].startswith(versioned)
        else ("/v2" if "v2" in one["document"] else "/v1") + one["path"]
        for one in reads
        if one["answer"] == "list"
    }
    assert {endpoint.path for endpoint in documented()} == paths


# ------------------------------------------------------------------ columns


def test_columns_follow_the_values_of_the_first_page(server: Simulator) -> None:
    """Numbers stay open for fractions, and what is only null is no column yet."""
    first = rows(1, score=1, isOn=True, dueAt="2024-01-01T00:00:00Z", tags=["a"], meta={"a": 1})
    first[0]["attributes"]["later"] = None
    first[0]["relationships"] = {
        "owner": {"data": {"type": "user", "id": "u1"}},
        "createdBy": {"data": {"type": "user", "id": "u2"}},
        "teams": {"data": [{"type": "team", "id": "t1"}]},
    }
    late = rows(2, score=1.5, later="now", isOn="maybe")[1:]
    server.org.show("/v1/things", [*first, *late])
    server.set(list_max_page_size=1)
    output = read(server, {"name": "things", "path": "/v1/things"})

    properties = output.schema("things")["properties"]
    kinds = {name: one["type"][0] for name, one in properties.items() if name != "id"}
    assert kinds == {
        "created_by_id": "string",
        "created_by_type": "string",
        "due_at": "string",
        "is_on": "boolean",
        "meta": "object",
        "name": "string",
        "owner_id": "string",
        "score": "number",
        "tags": "array",
        "teams_ids": "array",
        "org_id": "string",
        "_sdc_deleted_at": "string",
        "extra_attributes": "object",
    }
    assert properties["due_at"]["format"] == "date-time"
    one, two = output.records("things")
    assert (one["owner_id"], one["teams_ids"], one["due_at"]) == (
        "u1", ["t1"], "2024-01-01T00:00:00.000Z",
    )  # fmt: skip
    assert two["score"] == 1.5
    assert two["extra_attributes"] == {"later": "now", "isOn": "maybe"}


def test_columns_of_earlier_runs_stay_and_only_widen(server: Simulator) -> None:
    """A first page without an attribute must not take a column from the table."""
    entry = {"name": "things", "path": "/v1/things"}
    server.org.show("/v1/things", rows(1, score=1, note="x"))
    first = read(server, entry)
    server.org.show("/v1/things", rows(1, score="many", more=True))
    second = read(server, entry, state=first.state)

    properties = second.schema("things")["properties"]
    assert {"score", "note", "more", "name"} <= set(properties)
    assert properties["score"]["type"] == ["string", "null"]
    assert second.records("things")[0]["score"] == "many"


def test_two_looks_at_the_same_org_give_the_same_schema(server: Simulator) -> None:
    """A catalog that changes from day to day is a table that changes."""
    server.org.show("/v1/things", rows(3, b=1, a={"x": 1}, c=[1]))
    entry = {"name": "things", "path": "/v1/things"}
    one, two = (read(server, entry).schema("things") for _ in range(2))

    assert json.dumps(one) == json.dumps(two)


# ------------------------------------------------------------------ secrets


def test_what_is_named_like_a_secret_stays_unless_asked_for(server: Simulator) -> None:
    """Hooks and apps hold keys of other systems, at any depth."""
    hidden = {
        "token": "s1", "clientSecret": "s2", "password": "s3", "X-Signature": "s4",
        "settings": {"authorization": "s5", "deep": [{"apiKey": "s6", "on": True}]},
        "headers": [{"name": "Authorization", "value": "s7"}],
        "pairs": [{"name": "X-Api-Key", "value": "s8"}, {"name": "plain", "value": "kept"}],
        "internalCode": "s9",
        "shownToken": "kept too",
    }  # fmt: skip
    server.org.show("/v1/hooks/web", rows(2, **hidden))
    entry = {
        "name": "hooks",
        "path": "/v1/hooks/web",
        "secrets": ["internalCode", "!shownToken"],
    }
    output = read(server, entry)

    text = "".join(json.dumps(message) for message in output.messages)
    assert not [number for number in range(1, 10) if f'"s{number}"' in text]
    row = output.records("hooks")[0]
    assert (row["shown_token"], row["pairs"][1]["value"]) == ("kept too", "kept")
    assert not {"token", "client_secret", "internal_code"} & set(
        output.schema("hooks")["properties"]
    )


FLAT_ROWS: dict[str, JSON] = {
    "flat": {"name": "kept", "internalCode": "s1", "sub": {"internalCode": "s2", "apiKey": "s3"}},
    "mixed": {"type": "hook", "internalCode": "s1", "token": "s2", "attributes": {"name": "kept"}},
    "pair": {"name": "Authorization", "value": "s1", "headers": ["s2"], "more": {"seen": "kept"}},
    "related": {
        "attributes": {"name": "kept"},
        "relationships": {
            "owner": {"data": {"id": "u1", "type": "user", "secret": "s1"}},
            "internalCode": {"data": {"id": "s2", "type": "code"}},
        },
    },
}


@pytest.mark.parametrize("reshaping", [{}, FLAT], ids=["nested", "flattened"])
@pytest.mark.parametrize("secret", ["internalCode", "internal_code", "InternalCode"])
@pytest.mark.parametrize("row", FLAT_ROWS.values(), ids=FLAT_ROWS)
def test_secrets_outside_of_attributes_stay_too(
    server: Simulator, row: JSON, secret: str, reshaping: JSON
) -> None:
    """Some endpoints answer with rows that have no attributes, or have members beside them."""
    server.org.show("/v1/flat", [{**copy.deepcopy(row), "id": f"w{one}"} for one in range(2)])
    entry = {"name": "hooks", "path": "/v1/flat", "secrets": [secret]}
    output = read(server, entry, **reshaping)
    assert output.ids("hooks") == {"w0", "w1"}
    text = json.dumps(output.messages) + output.stderr
    assert not [number for number in range(1, 4) if f"s{number}" in re.findall(r"\w+", text)]
    assert "kept" in text
    assert_valid(output)


# ------------------------------------------------------------------ below other rows


def test_children_of_a_search_stream_follow_its_updates(server: Simulator) -> None:
    """Only the children of what changed are asked for again."""
    before = server.org.clock.now() - 86_400
    moments = (before, before + 60, before + 120)
    customers = [server.org.add("customer", updated_at=moment)[0] for moment in moments]
    for customer in customers:
        server.org.show(f"/v1/customers/{customer}/things", rows(1, of=customer))
    for number, customer in enumerate(customers):
        server.org.shown[f"/v1/customers/{customer}/things"][0]["id"] = f"thing-{number}"
    entry = {"name": "things", "path": "/v1/customers/{id}/things", "parent": "customers"}
    first = read(server, entry)
    server.org.clock.advance(3600)
    server.org.update("customer", customers[0], name="new")
    second = read(server, entry, state=first.state)

    assert {row["parent_row_id"] for row in first.records("things")} == set(customers)
    assert first.ids("things") == {"thing-0", "thing-1", "thing-2"}
    assert second.ids("things") == {"thing-0", "thing-2"}  # and the last before the bookmark
    assert first.bookmark("things") is not None


def test_children_of_children_of_a_list_know_their_parents(server: Simulator) -> None:
    """Themes have revisions, and these have files."""
    server.org.show("/v3/kb/themes", rows(2))
    for theme in rows(2):
        path = f"/v3/kb/themes/{theme['id']}/revisions"
        server.org.show(path, [{"type": "r", "id": f"r-{theme['id']}", "attributes": {"n": 1}}])
        file = {"type": "f", "id": f"f-{theme['id']}", "attributes": {"size": 2}}
        server.org.show(f"{path}/r-{theme['id']}/files", [file])
    output = read(
        server,
        {"name": "themes", "path": "/v3/kb/themes"},
        {"name": "revisions", "path": "/v3/kb/themes/{id}/revisions", "parent": "themes"},
        {
            "name": "files",
            "path": "/v3/kb/themes/{parent_row_id}/revisions/{id}/files",
            "parent": "revisions",
        },
    )

    assert len(output.ids("files")) == 2
    assert {row["parent_row_id"] for row in output.records("files")} == output.ids("revisions")
    assert {row["parent_row_id"] for row in output.records("revisions")} == output.ids("themes")


def test_an_optional_parent_is_offered_with_its_children(server: Simulator) -> None:
    """Children cannot be read without the rows above them."""
    [workflow] = server.org.add("workflow")
    server.org.show(f"/v1/workflows/{workflow}/processes", rows(2, retry=0))
    entry = {"name": "processes", "path": "/v1/workflows/{id}/processes", "parent": "workflows"}
    output = read(server, entry, select=("workflows",))

    assert output.ids("workflows") == {workflow}
    assert len(output.records("processes")) == 2


@pytest.mark.parametrize(
    ("context", "parent", "path", "knobs"),
    [
        ("tag", "tags", "/v1/tags/{id}/things", {}),  # asked for its deleted rows first
        ("tag", "tags", "/v1/tags/{id}/things", {"deleted_switches": False}),
        ("queue", "queues", "/v1/routing/queues/{id}/things", {"queues_path": "/v1/queues"}),
    ],
)
def test_columns_below_a_list_are_found_however_the_list_has_to_be_asked(
    server: Simulator, context: str, parent: str, path: str, knobs: JSON
) -> None:
    """Without a row of the parent nothing could be looked at."""
    server.set(**knobs)
    [id_] = server.org.add(context)
    server.org.show(path.format(id=id_), rows(2, score=1))
    output = read(server, {"name": "things", "path": path, "parent": parent})

    assert "score" in output.schema("things")["properties"]
    assert [row["score"] for row in output.records("things")] == [1, 1]


# ------------------------------------------------------------------ paging and parameters


@pytest.mark.parametrize("page_size", [None, 0, 1])
def test_a_list_that_refuses_paging_is_read_without(
    server: Simulator, page_size: int | None
) -> None:
    """Some lists know neither page nor size, and the API may be strict about it."""
    server.set(endpoint_rows=3)
    entry: JSON = {"name": "roles", "path": "/v1/auth/roles"}
    if page_size is not None:
        entry["page_size"] = page_size
    output = read(server, entry)

    assert len(output.ids("roles")) == 3


def test_parameters_are_sent_as_they_are(server: Simulator) -> None:
    """Booleans as the API writes them."""
    for kind in ("conversation", "kobject"):
        server.org.add("sub_status", 2, resourceType=kind)
    entry = {
        "name": "kinds",
        "path": "/v1/sub-statuses",
        "params": {"resource": "kobject"},
    }
    output = read(server, entry)

    assert {row["resource_type"] for row in output.records("kinds")} == {"kobject"}


def test_a_key_of_the_users_choice_identifies_the_rows(server: Simulator) -> None:
    """Some rows have no id."""
    accounts = [{"type": "a", "attributes": {"account": f"a{n}", "app": "x"}} for n in range(3)]
    server.org.show("/v1/outboundAccounts", accounts)
    entry = {"name": "accounts", "path": "/v1/outboundAccounts", "key": "account", "page_size": 0}
    output = read(server, entry)

    assert [row["account"] for row in output.records("accounts")] == ["a0", "a1", "a2"]
    assert key_of(output, "accounts") == "account"


# ------------------------------------------------------------------ wrong entries


GOOD = {"name": "things", "path": "/v1/things"}
WRONG: dict[str, tuple[list[Any], str]] = {
    "no list": ("x", "list"),  # type: ignore[dict-item]
    "another host": ([{"name": "a", "path": "https://evil.example/v1/x"}], "a: `path` must be"),
    "host without scheme": ([{"name": "a", "path": "//evil.example/v1/x"}], "a: `path` must be"),
    "upwards": ([{"name": "a", "path": "/v1/../admin"}], "a: `path` must be"),
    "escaped": ([{"name": "a", "path": "/v1/%2e%2e/x"}], "a: `path` must be"),
    "no version": ([{"name": "a", "path": "/apps"}], "a: `path` must be"),
    "query": ([{"name": "a", "path": "/v1/x?y=1"}], "a: `path` must not hold"),
    "no path": ([{"name": "a"}], "a: `path` is missing"),
    "no name": ([{"path": "/v1/x"}], "entry 1: `name`"),
    "name of a stream": ([{"name": "customers", "path": "/v1/x"}], "customers: the tap has"),
    "name of a klass": ([{"name": "kobject_x", "path": "/v1/x"}], "kobject_x: `name`"),
    "twice": ([GOOD, GOOD], "things: another entry"),
    "unknown parent": (
        [{"name": "a", "path": "/v1/{id}/x", "parent": "custmers"}],
        "a: there is no stream 'custmers' to be its parent; did you mean customers?",
    ),
    "parent of the tap's own": (
        [{"name": "a", "path": "/v1/{id}/x", "parent": "sync_runs"}],
        "a: rows of sync_runs have no endpoints",
    ),
    "circle": (
        [
            {"name": "a", "path": "/v1/{id}/x", "parent": "b"},
            {"name": "b", "path": "/v1/{id}/y", "parent": "a"},
        ],
        "a: its parents lead back",
    ),
    "own parent": ([{"name": "a", "path": "/v1/{id}/x", "parent": "a"}], "a: its parents lead"),
    "no place": ([{"name": "a", "path": "/v1/x", "parent": "users"}], "a: `path` lacks {id}"),
    "place without parent": ([{"name": "a", "path": "/v1/{id}/x"}], "a: `path` has {id}"),
    "unknown word": ([{**GOOD, "pagesize": 5}], "things: `pagesize` is unknown; did you mean"),
    "size": ([{**GOOD, "page_size": 5000}], "things: `page_size`"),
    "params": ([{**GOOD, "params": ["a"]}], "things: `params`"),
    "paging as params": ([{**GOOD, "params": {"page": 2}}], "things: `params` must not"),
    "secrets": ([{**GOOD, "secrets": "token"}], "things: `secrets`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_entry_is_refused_before_the_first_request(name: str) -> None:
    """The sentence names the setting and the entry."""
    entries, sentence = WRONG[name]
    config = {"api_key": "k", "extra_streams": entries}
    with pytest.raises(SettingsError) as caught:
        Settings.from_config(config, optional_names=(), streams=STREAM_NAMES)

    assert any(one.startswith("`extra_streams`") and sentence in one for one in caught.value.errors)


ODD: dict[str, tuple[Any, JSON, str]] = {
    "404": (None, {}, "Kustomer has no /v1/things"),
    "one object": (None, {"path": "/v1/users/current"}, "one object instead of a list"),
    "web page": ("<html>", {}, "something other than JSON, such as a web page"),
    "no data": ('{"items": []}', {}, "answers without `data`"),
    "data null": ('{"data": null}', {}, "answers without `data`"),
    "no key": (rows(2), {"key": "number"}, "has no `number` to go by"),
    "no id": ([{"type": "x", "attributes": {"code": "c"}}], {}, "there are code"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_endpoint_fails_alone_with_a_sentence_that_names_the_entry(
    server: Simulator, name: str
) -> None:
    """It may be a typo, or an outage: the other streams go on."""
    shown, changes, sentence = ODD[name]
    if isinstance(shown, list):
        server.org.show("/v1/things", shown)
    elif shown is not None:
        server.org.show("/v1/things", [])
        server.faults.add(Fault("status", status=200, path="/v1/things", times=None, body=shown))
    server.org.add("tag", 2)
    entry = {**GOOD, **changes}
    output = read(server, entry, select=("tags",))  # retried, it would take ten minutes

    ended = status(output, "things")
    assert ended["status"] == "failed"
    assert "`extra_streams`: things: " in ended["error"]
    assert sentence in ended["error"]
    assert len(output.ids("tags")) == 2
    assert output.status == 1


def test_rows_below_an_odd_list_fail_as_soon(server: Simulator) -> None:
    """What is above them is named; nothing is asked for ten minutes."""
    entries = [
        {"name": "things", "path": "/v1/things"},
        {"name": "parts", "path": "/v1/things/{id}/parts", "parent": "things"},
    ]
    server.faults.add(Fault("status", status=200, path="/v1/things", times=None, body="<html>"))
    output = read(server, *entries)

    for name in ("things", "parts"):
        assert "things: /v1/things returns something" in status(output, name)["error"]


def test_a_list_that_was_read_before_waits_for_the_end_of_an_outage() -> None:
    """A proxy's web page says nothing about an endpoint that has shown its rows."""
    org = Org(seed=6, clock=Clock(speed=FAST))
    org.show("/v1/things", rows(3))
    with Simulator(org, limits=False) as server:
        first = read(server, GOOD)
        page = Fault("status", status=200, path="/v1/things", times=6, body="<html>")
        server.faults.add(page)
        second = read(server, GOOD, state=first.state, clock=tap_clock.Clock(FAST))

    assert (second.status, second.ids("things")) == (0, first.ids("things"))
    assert set(first.records("things")[0]) == set(second.records("things")[0])


def test_check_says_what_is_wrong_with_an_entry(server: Simulator, tmp_path: Path) -> None:
    """Before the first run, with the name of the entry."""
    server.org.show("/v1/apps", rows(3))
    config = {
        **server.config,
        "extra_streams": [{"name": "apps", "path": "/v1/apps"}, {"name": "no", "path": "/v1/no"}],
    }
    done = run_tap(config, "--check", folder=tmp_path)

    assert "apps" in done.stdout
    assert "`extra_streams`: no: Kustomer has no /v1/no" in " ".join(done.stdout.split())


def test_the_setting_comes_from_one_variable_of_the_environment(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Schedulers have nothing else to give."""
    server.org.show("/v1/apps", rows(1))
    for name, value in server.config.items():
        monkeypatch.setenv(f"TAP_KUSTOMER_{name.upper()}", str(value))
    monkeypatch.setenv("TAP_KUSTOMER_EXTRA_STREAMS", '[{"name": "apps", "path": "/v1/apps"}]')
    tap = TapKustomer(config={}, parse_env_config=True)

    assert "name" in tap.streams["apps"].schema["properties"]
