"""The sentences that the pages quote are those that the tap says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from simulator import Fault, Org, Simulator
from tests.docs.pages import CHECKOUT
from tests.support import FAST, catalog_of, run_tap

QUOTING = [CHECKOUT / "docs" / f"{name}.md" for name in ("troubleshooting", "switching")]


class Listener:
    """Runs the tap and keeps all that it says."""

    def __init__(self, folder: Path) -> None:
        """Keep files in ``folder``."""
        self._folder = folder
        self.said = ""

    def run(self, config: dict[str, Any], *arguments: str, **options: Any) -> dict[str, Any]:
        """Return the state that a run left."""
        output = run_tap(config, *arguments, folder=self._folder, **options)
        self.said += output.stderr
        return output.state

    def file(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        path = self._folder / name
        path.write_text(text)
        return str(path)


def small_org(**options: Any) -> Org:
    """Return an org with a few rows."""
    org = Org(seed=1, **options)
    org.add("customer", 5)
    org.add("tag", 2)
    return org


def wrong_settings(hear: Listener, sim: Simulator) -> None:
    """What a config can have wrong."""
    hear.run({"api_url": sim.url, "start_dat": "2024-01-01"})
    hear.run({**sim.config, "start_dat": 1, "api_key": "wrong"})
    hear.run({**sim.config, "api_url": "http://kustomer.example"})
    hear.run({**sim.config, "api_url": "http://127.0.0.1:9"}, speed=FAST)
    hear.run(sim.config, "--config", hear.file("broken.json", "{"))


def states_and_catalogs(hear: Listener, sim: Simulator) -> None:
    """What does not belong together."""
    catalog = catalog_of(sim.config, ["customers", "tags", "work_items"])
    hear.run(sim.config, state={"bookmarks": {"tags": "2020-01-01"}})
    state = hear.run({**sim.config, "start_date": "2025-01-01"}, catalog=catalog)
    with Simulator(small_org(org_id="0" * 24)) as other:
        hear.run(other.config, catalog=catalog, state=state)
    sim.org.roles = frozenset({"org.permission.search.create"})
    hear.run(sim.config, catalog=catalog, state=state)

    (customers,) = (one for one in catalog["streams"] if one["tap_stream_id"] == "customers")
    del customers["schema"]["properties"]["emails"]
    gone = {**customers, "tap_stream_id": "kobject_gone", "stream": "kobject_gone"}
    catalog["streams"] = [customers, gone]
    hear.run({**sim.config, "start_date": "2024-06-01"}, catalog=catalog, state=state)


def missing_roles_and_lists(hear: Listener, sim: Simulator) -> None:
    """What the key may not read and the org does not have."""
    catalog = catalog_of(sim.config, ["snoozes", "tags"])
    sim.org.roles = frozenset({"org.permission.search.create", "org.permission.tag.read"})
    hear.run(sim.config, catalog=catalog)
    sim.org.roles = None
    for path in ("/v1/tags", "/v1/snoozes"):
        sim.refuse(path, 404)
    hear.run(sim.config, catalog=catalog)


def trouble_on_the_way(hear: Listener, sim: Simulator) -> None:
    """What Kustomer may answer."""
    catalog = catalog_of(sim.config, ["customers", "tags"])
    sim.set(include_deleted_supported=False)
    sim.faults.add(Fault("status", status=503, path="/v1/tags", times=None))
    quick = {**sim.config, "backoff_max_elapsed_seconds": 30}
    hear.run(quick, catalog=catalog, speed=FAST)
    sim.faults.clear()
    sim.faults.add(Fault("short_page", times=None))
    hear.run(quick, catalog=catalog, speed=FAST)
    sim.set(pod_mismatch=403)
    hear.run(sim.config)
    sim.set(pod_mismatch=None)
    sim.refuse("/v1/users/current", 404)
    hear.run(sim.config)


def quotes() -> set[str]:
    """Return the sentences that the pages quote."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in QUOTING)
    return set(re.findall(r"^ *> (.+)$", text, re.MULTILINE))


def test_quoted_sentences_are_what_the_tap_says(tmp_path: Path) -> None:
    """Whoever searches the page for what the terminal shows finds it; `...` is what differs."""
    hear = Listener(tmp_path)
    for situation in (
        wrong_settings,
        states_and_catalogs,
        missing_roles_and_lists,
        trouble_on_the_way,
    ):
        with Simulator(small_org()) as sim:
            situation(hear, sim)

    patterns = {quote: ".*?".join(map(re.escape, quote.split("..."))) for quote in quotes()}
    assert len(patterns) > 15
    assert [quote for quote, one in patterns.items() if not re.search(one, hear.said)] == []
    assert "Traceback" not in hear.said
    assert "unexpected" not in hear.said
