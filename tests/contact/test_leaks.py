"""Places from which something of an org could slip out though rows are replaced."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from requests import Response
from requests.structures import CaseInsensitiveDict

from simulator import Clock, Fault, Org, Simulator
from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import Request
from tap_kustomer.clock import Clock as TapClock
from tap_kustomer.contact.recording import Recorder
from tap_kustomer.contact.words import StandIns
from tap_kustomer.settings.values import Settings
from tap_kustomer.tap import TapKustomer
from tests.contact.secrets_of_orgs import CANARIES, found_in
from tests.contact.support import LIMITS
from tests.support import FAST, quiet

WORD = CANARIES["word"]
NAME = "zwiebelkuchen"  # as an attribute, a klass or a team could be called
SECRETS = [*map(str, CANARIES.values()), NAME, "987654321"]
Change = Callable[[dict[str, Any]], object]


def in_meta(found: dict[str, Any]) -> None:
    """Put names and numbers of the org into ``meta``."""
    found.setdefault("meta", {}).update(
        {
            NAME: 987654321,
            "aggregations": {NAME: 99999, WORD: [CANARIES["text"]]},
            "count": 987654321,
        }
    )


def in_the_document(found: dict[str, Any]) -> None:
    """Put them beside ``data``."""
    found[NAME] = WORD
    found["jsonapi"] = {"version": "1.0", "meta": {NAME: CANARIES["number"]}}


def in_links(found: dict[str, Any]) -> None:
    """Put them into every part of a link."""
    url = (
        f"https://{NAME}:{WORD}@files.zwiebelfisch.example/v1/{NAME}/{quote(CANARIES['text'])};{WORD}"
        f"?{NAME}={WORD}&filter[{NAME}]={quote(CANARIES['email'])}#{NAME}"
    )
    for row in found["data"]:
        row["links"] = {"self": f"/v1/{NAME}/{WORD}", NAME: url, "related": {"href": url}}


def in_keys(found: dict[str, Any]) -> None:
    """Make values the keys of objects, at every depth."""
    inside = {str(one): {str(one): str(one)} for one in CANARIES.values()}
    for row in found["data"]:
        row["attributes"]["conversationCounts"] = {**inside, NAME: [inside]}
        row["relationships"] = {NAME: {"data": {"type": NAME, "id": WORD, NAME: inside}}}
        row[NAME] = inside


def in_values(found: dict[str, Any]) -> None:
    """Put values into rows that a stand-in could leave as they are."""
    odd = [
        99999,
        99999.0,
        -99999,
        987654321,
        "99999",
        CANARIES["fraction"],
        str(CANARIES["number"]),
    ]
    for row in found["data"]:
        row["attributes"]["custom"] = {"listStr": odd, f"{NAME}_updated_at": WORD, NAME: 99999}
        row["attributes"]["meta"] = {"status": WORD, "type": NAME, "roles": [NAME], "page": 99999}


def in_errors(found: dict[str, Any]) -> None:
    """Answer with an error beside the rows, all of whose parts are the org's."""
    found["errors"] = [
        {
            "status": str(CANARIES["number"]),
            "code": NAME,
            "title": CANARIES["text"],
            "detail": WORD,
            "id": CANARIES["uuid"],
            "source": {"parameter": NAME, "pointer": f"/data/{WORD}"},
            "links": {"about": f"https://{NAME}.example/{WORD}"},
            "meta": {NAME: WORD, "parameter": CANARIES["email"]},
        },
        WORD,
    ]


PLACES = [in_meta, in_the_document, in_links, in_keys, in_values]


def line_of(folder: Path, request: Request, response: Response) -> str:
    """Return the line in which one exchange is recorded."""
    recorder = Recorder(str(folder))
    recorder(request, response)
    settings = {"api_key": "key", "api_url": "https://acme.example"}
    recorder.close(Settings.from_config(settings, optional_names=(), streams={}), None)
    return (folder / "exchanges.jsonl").read_text(encoding="utf-8")


def org_of() -> Org:
    """Return an org with some rows of each kind."""
    org = Org(seed=11, clock=Clock(speed=FAST), plan_limit=100_000, search_limit=100_000)
    org.seed(customers=3)
    return org


def outputs_of(sim: Simulator, folder: Path, **config: Any) -> tuple[str, str]:
    """Return the report and the recording of a check."""
    with quiet():
        tap = TapKustomer(
            config={**sim.config, **LIMITS, **config},
            clock=TapClock(FAST),
            looks=True,
            recorder=Recorder(str(folder)),
        )
        report = tap.report(tap.preflight())
    names = " ".join(file.name for file in folder.iterdir())
    assert sorted(names.split()) == ["exchanges.jsonl", "manifest.json"]
    return report, "".join(file.read_text(encoding="utf-8") for file in folder.iterdir())


@pytest.mark.parametrize("change", PLACES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("path", ["/v1/customers/search", "/v1/tags", "/v1/users", "/v1/klasses"])
def test_nothing_slips_out_from_any_part_of_an_answer(
    path: str, change: Change, tmp_path: Path
) -> None:
    """Kustomer may put an org's names and numbers anywhere, today or tomorrow."""

    def rewrite(found: dict[str, Any]) -> dict[str, Any]:
        if isinstance(found.get("data"), list):
            change(found)
        return found

    with Simulator(org_of()) as sim:
        sim.faults.add(Fault("rewrite", path=path, times=None, rewrite=rewrite))
        report, recording = outputs_of(sim, tmp_path / "r")
    assert found_in(report, SECRETS) == []
    assert found_in(recording, SECRETS) == []
    assert "customers" in report
    assert '"data"' in recording


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500, 503])
@pytest.mark.parametrize("path", ["/v1/tags", "/v1/customers/search", "/v1/metadata/"])
def test_nothing_slips_out_from_an_error(path: str, status: int, tmp_path: Path) -> None:
    """Sentences of a server quote what they complain about."""
    body: dict[str, Any] = {}
    in_errors(body)
    with Simulator(org_of()) as sim:
        sim.faults.add(Fault("status", path=path, status=status, times=None, body=body))
        report, recording = outputs_of(sim, tmp_path / "r", backoff_max_elapsed_seconds=1)
    assert found_in(report, SECRETS) == []
    assert found_in(recording, SECRETS) == []


def test_ids_in_a_path_do_not_slip_out_with_a_sentence_about_it(tmp_path: Path) -> None:
    """Several ids stand in one path, and the sentence about a failure names the path."""
    org = org_of()
    ids = [row["id"] for row in org.rows("customer")]
    with Simulator(org) as sim:
        sim.faults.add(Fault("status", path=f"/v1/customers/{ids[0][:4]}", status=503, times=None))
        report, _ = outputs_of(sim, tmp_path / "r", backoff_max_elapsed_seconds=1)
    assert "no longer answered" in report
    assert found_in(report, ids) == []
    assert not any(one[at : at + 8] in report for one in ids for at in range(len(one) - 8))


@pytest.mark.parametrize("name", [f"vip.{NAME}", f"{NAME} {WORD}", f"{NAME}-{WORD}", NAME.title()])
def test_names_of_klasses_do_not_slip_out(name: str, tmp_path: Path) -> None:
    """They stand in contexts, paths, names of streams, attributes of searches and sentences."""
    org = Org(seed=2, clock=Clock(speed=FAST), plan_limit=100_000, search_limit=100_000)
    org.add("customer", 2)
    org.add_klass(name, attributes={f"{NAME}Num": {}, f"a.{NAME}Str": {}})
    org.add(f"kobject_{name}", 3)

    def rewrite(found: dict[str, Any]) -> dict[str, Any]:
        for row in found["data"]:
            row["attributes"].update(
                updatedAt=row["attributes"]["updatedAt"][:19] + "Z",
                custom={f"{NAME}Num": ["x"], f"a.{NAME}Str": 5},
            )
        return found

    with Simulator(org) as sim:
        sim.faults.add(Fault("rewrite", context=f"kobject_{name}", times=None, rewrite=rewrite))
        report, recording = outputs_of(sim, tmp_path / "r")
        sim.faults.add(Fault("status", context=f"kobject_{name}", times=None, status=409))
        failed, _ = outputs_of(sim, tmp_path / "s")
    assert "timestamp-precision | different, handled" in report
    for text in (report, recording, failed):
        assert NAME not in text.lower()
        assert WORD not in text


def test_names_of_a_users_own_streams_do_not_slip_out(tmp_path: Path) -> None:
    """A setting's value is nobody else's business either."""
    extra = {"name": NAME, "path": f"/v1/{WORD}/{NAME}"}
    with Simulator(org_of()) as sim:
        report, recording = outputs_of(sim, tmp_path / "r", extra_streams=[extra])
    assert found_in(report, [NAME, WORD]) == []
    assert found_in(recording, [NAME, WORD]) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"x-kustomer-pod": NAME, "x-ratelimit-limit": "987654321", "content-type": f"json; {WORD}"},
        {"x-ratelimit-remaining": "987654321", "retry-after": "987654321", "set-cookie": WORD},
        {"etag": WORD, "location": f"https://{NAME}.example", f"x-{NAME}": NAME, "server": NAME},
        {"x-kustomer-pod": "prod987654321", "date": CANARIES["moment"]},
    ],
)
def test_headers_do_not_slip_out(headers: dict[str, str], tmp_path: Path) -> None:
    """Only those that tell something of the API are kept, and those in their usual form."""
    response = Response()
    response.status_code = 200
    response.headers = CaseInsensitiveDict(headers)
    response.raw = io.BytesIO(b'{"data": []}')
    path = f"/v1/customers/{WORD},{NAME}?{NAME}={WORD}"
    body = {"queryContext": NAME, NAME: WORD, "and": [{NAME: {"gte": CANARIES["moment"]}}]}
    request = Request(path, {NAME: WORD, "page": NAME}, body, Budget.SEARCH)
    text = line_of(tmp_path / "r", request, response)
    assert json.loads(text)["status"] == 200
    assert found_in(text, SECRETS) == []


@pytest.mark.parametrize("text", ["-.-..-...", ":-))) ;-(", "★★★★☆", "#!?$%&", "99999", "0000000"])
def test_no_text_is_its_own_stand_in(text: str) -> None:
    """A word without letters is a word, too."""
    stand_ins = StandIns()
    assert stand_ins.text(text) != text
    assert len(stand_ins.text(text)) >= len(text)


@pytest.mark.parametrize("digits", range(2, 16))
def test_no_number_of_two_digits_or_more_is_its_own_stand_in(digits: int) -> None:
    """The largest of its length has no larger one beside it."""
    stand_ins = StandIns()
    numbers = [10 ** (digits - 1), 5 * 10 ** (digits - 1), 10**digits - 2, 10**digits - 1]
    shown = [stand_ins.number(one) for one in numbers]
    assert all(one != stand_in for one, stand_in in zip(numbers, shown, strict=True))
    assert shown == sorted(shown)
    assert digits == 15 or shown[-1] < stand_ins.number(10**digits)


@pytest.mark.parametrize("value", [10**15, 12345678901234567890, 987654321012345678])
def test_a_number_of_any_size_has_a_stand_in(value: int, tmp_path: Path) -> None:
    """An answer with an id or a number of twenty digits is recorded as any other."""
    shown = StandIns().number(value)
    assert shown != value
    assert len(str(shown)) == len(str(value))
    response = Response()
    response.status_code = 200
    row = {"id": value, "attributes": {"size": value}}
    response.raw = io.BytesIO(json.dumps({"data": [row]}).encode())
    text = line_of(tmp_path / "r", Request("/v1/tags"), response)
    assert len(json.loads(text)["answer"]["data"]) == 1
    assert found_in(text, [str(value)]) == []
