"""The README's quick start, word by word, in a project outside the clone: to rows in PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from simulator import Org, Simulator
from tests.docs.pages import CHECKOUT, PAGES, Block, blocks_of
from tests.e2e import postgres
from tests.e2e.project import MELTANO
from tools.docs.account import raw


@pytest.fixture
def programs() -> Path:
    """Return where PostgreSQL's programs are."""
    try:
        return postgres.install()
    except postgres.UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def org() -> Iterator[Simulator]:
    """Serve a small org."""
    small = Org(seed=5)
    small.seed(customers=15, children=False)
    with Simulator(small, limits=False) as simulator:
        yield simulator


def published(folder: Path) -> Path:
    """Return a folder that stands for the address of the release: nothing is published yet."""
    for file in (CHECKOUT / "packaging" / "hub").glob("*.yml"):
        definition = yaml.safe_load(file.read_text(encoding="utf-8"))
        if str(definition["pip_url"]).startswith("git+"):
            definition["pip_url"] = str(CHECKOUT)
        target = folder / "packaging" / "hub" / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(definition), encoding="utf-8")
    return folder


def commands(blocks: list[Block], release: Path) -> list[str]:
    """Return the lines to type, with the folder in the place of the address of the release."""
    lines = [line for one in blocks for line in one.text.splitlines()]
    first, *rest = [line for line in lines if line.startswith(("pipx", "meltano"))]
    assert first == "pipx install 'meltano>=4'"  # is here already
    version = rest[1].partition("/v")[2].partition("/")[0]
    return [line.replace(raw(version), str(release)) for line in rest]


def settings(blocks: list[Block], org: Simulator, port: int) -> str:
    """Return the page's `.env` with the values of what is here."""
    values = {
        "TAP_KUSTOMER_API_KEY": org.config["api_key"],
        # Its own host would be acme.api.kustomerapp.com.
        "TAP_KUSTOMER_ORG_NAME": f"acme\nTAP_KUSTOMER_API_URL={org.url}",
        "TARGET_POSTGRES_HOST": "127.0.0.1",
        "TARGET_POSTGRES_USER": "postgres",
        "TARGET_POSTGRES_PASSWORD": f"none\nTARGET_POSTGRES_PORT={port}",
        "TARGET_POSTGRES_DATABASE": "postgres",
    }
    names = [
        line.partition("=")[0] for one in blocks for line in one.text.splitlines() if "=" in line
    ]
    asked = [name for name in names if name.isupper()]
    assert sorted(asked) == sorted(values)
    return "\n".join(f"{name}={values[name]}" for name in asked) + "\n"


def test_the_quick_start_leads_to_rows_in_postgresql(
    programs: Path, org: Simulator, tmp_path: Path
) -> None:
    """Whoever has only the README gets there, and no command fails."""
    page = blocks_of(PAGES[0])
    shell = [one for one in page if one.remark == "quick start" and one.kind == "sh"]
    dotenv = [one for one in page if one.remark == "quick start" and one.kind == "env"]
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TAP_", "TARGET_", "MELTANO_"))}
    env |= {
        "PATH": f"{MELTANO.parent}:{env['PATH']}",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "NO_COLOR": "1",
    }
    folder = tmp_path / "empty"
    folder.mkdir()
    with postgres.server(programs) as port:
        said = ""
        for line in commands(shell, published(tmp_path / "release")):
            if line.startswith("meltano invoke"):
                text = settings(dotenv, org, port)
                (folder / ".env").write_text(text, encoding="utf-8")
            done = subprocess.run(
                ["/bin/bash", "-euc", line],
                cwd=folder,
                env=env,
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            said += done.stdout
            if "&& cd kustomer" in line:
                folder /= "kustomer"
        found = subprocess.run(
            [
                str(programs / "psql"),
                *("-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-At"),
                *("-c", "select id from kustomer.conversations"),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

    assert "total of the selected" in said
    assert set(found.stdout.split()) == set(org.org.ids("conversation"))
    content = yaml.safe_load((folder / "meltano.yml").read_text(encoding="utf-8"))
    assert content["plugins"]["extractors"][0]["use_cached_catalog"] is False
