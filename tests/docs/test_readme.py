"""Whoever follows the README meets what it shows: commands, settings, streams."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Org, Simulator
from tap_kustomer.cli import command as cli
from tap_kustomer.streams.registry import STREAM_TYPES
from tap_kustomer.tap import TapKustomer
from tests.docs.pages import CHECKOUT, PAGES, SINGER, blocks_of
from tests.support import run_tap
from tools.docs.account import OPEN, account, named, raw
from tools.docs.release import left_to_do

PORT = "8765"  # of the simulated org in docs/singer.md and in `simulator_config.json`
SAMPLE = CHECKOUT / "simulator_config.json"
SETTINGS = CHECKOUT / "docs" / "settings.md"
TROUBLESHOOTING = CHECKOUT / "docs" / "troubleshooting.md"

# A target for the tests that need none: rows into files, states onward as targets print them.
TARGET = """\
import json, sys
config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "RECORD":
        with open(f"{config['destination_path']}/{message['stream']}.jsonl", "a") as file:
            print(json.dumps(message["record"]), file=file)
    elif message["type"] == "STATE":
        print(json.dumps(message["value"]), flush=True)
"""


class Terminal:
    """A shell in a clone of this repository, as far as the README's commands can tell."""

    def __init__(self, folder: Path, served: Simulator) -> None:
        """Prepare ``folder``; commands that name the port of the README reach ``served``."""
        self.folder = folder
        self._port = str(served.url.rpartition(":")[2])
        bin_ = folder / "bin"
        bin_.mkdir()
        target = bin_ / "target-jsonl"
        target.write_text(f"#!{sys.executable}\n{TARGET}")
        target.chmod(0o755)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "output").mkdir()
        self.write("target.json", '{"destination_path": "output"}')
        self.write("simulator_config.json", SAMPLE.read_text(encoding="utf-8"))
        config = json.loads(SAMPLE.read_text(encoding="utf-8"))
        self.write("config.json", json.dumps({**config, "start_date": "2015-01-01"}))
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("TAP_KUSTOMER_")},
            "PATH": f"{bin_}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(CHECKOUT),
        }

    def write(self, name: str, text: str) -> None:
        """Write a file, with the port that is served."""
        (self.folder / name).write_text(text.replace(PORT, self._port), encoding="utf-8")

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Run commands as a careful script does: it stops at the first failure."""
        return subprocess.run(  # noqa: S603 - the README's own commands
            ["/bin/bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """Return what the target wrote of a stream, repeated rows included."""
        lines = (self.folder / "output" / f"{stream}.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def small_org() -> Iterator[Simulator]:
    """Serve an org with a bit of everything."""
    org = Org(seed=3)
    org.seed(customers=30, children=False)
    # One command after the other within seconds, each with the budget of a minute.
    with Simulator(org, limits=False) as served:
        yield served


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_run_as_they_stand(page: Path, small_org: Simulator, tmp_path: Path) -> None:
    """Block after block in one folder, as a newcomer types them."""
    terminal = Terminal(tmp_path, small_org)
    blocks = [block for block in blocks_of(page) if block.runs and not block.serves]
    if page.stem != "singer":
        terminal.run("tap-kustomer --config config.json --discover > catalog.json")

    for block in blocks:
        done = terminal.run(block.text)
        assert done.returncode == 0, f"{block}\n{block.text}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def test_the_simulators_config_reads_the_org_that_the_page_starts(tmp_path: Path) -> None:
    """As it is: the port in the file is the one in the command."""
    (serving,) = (block for block in blocks_of(SINGER) if block.serves)
    sample = json.loads(SAMPLE.read_text(encoding="utf-8"))
    assert sample["api_url"] == f"http://127.0.0.1:{PORT}"
    command = serving.text.split()
    assert command == [".venv/bin/python", "-m", "simulator", "--port", PORT]

    free = [sys.executable, *command[1:-1], "0", "--customers", "20"]
    with subprocess.Popen(  # noqa: S603 - the simulator itself
        free, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            output = run_tap({**sample, "api_url": url}, folder=tmp_path)
        finally:
            process.terminate()

    assert output.status == 0, output.stderr
    assert len(output.ids("customers")) > 0


def test_the_pipe_goes_on_from_the_last_state_that_the_target_printed(
    small_org: Simulator, tmp_path: Path
) -> None:
    """The first run, the run after it, and a run after a target that died."""
    terminal = Terminal(tmp_path, small_org)
    remarks = {block.remark: block.text for block in blocks_of(SINGER)}
    first, later = remarks["the first time"], remarks["from then on"]

    assert terminal.run(first).returncode == 0
    assert {row["id"] for row in terminal.rows("conversations")} == set(
        small_org.org.ids("conversation")
    )
    before = len(terminal.rows("messages"))
    (new,) = small_org.org.add("customer", 1, updated_at=small_org.org.clock.now())
    assert terminal.run(later.replace("target-jsonl", "false; true")).returncode != 0
    assert terminal.run(later).returncode == 0

    assert new in {row["id"] for row in terminal.rows("customers")}
    assert len(terminal.rows("messages")) - before < before  # not everything again


def options() -> set[str]:
    """Return the options of the tap's command."""
    command = TapKustomer.get_singer_command()
    assert isinstance(command, cli.KustomerCommand)
    return {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("page", [*PAGES, TROUBLESHOOTING], ids=lambda page: page.stem)
def test_every_option_exists(page: Path) -> None:
    """Also those of commands that need an account, and in the text."""
    text = page.read_text(encoding="utf-8")
    commands = re.findall(r"(?<!meltano run )(?<!meltano add )tap-kustomer((?: +[^\s|`>]+)+)", text)
    used = {word for line in commands for word in line.split() if word.startswith("--")}
    used.discard("--list")  # of `meltano select`
    used.discard("--all")
    assert used <= options() | {"--help"}


@pytest.mark.parametrize("page", [*PAGES, TROUBLESHOOTING], ids=lambda page: page.stem)
def test_every_setting_in_the_environment_exists(page: Path) -> None:
    """A setting that was renamed shows up here."""
    named = set(re.findall(r"\bTAP_KUSTOMER_([A-Z_]+[A-Z])", page.read_text(encoding="utf-8")))
    schema = TapKustomer.config_jsonschema
    TapKustomer.append_builtin_config(schema)
    known = {name.upper() for name in schema["properties"]}
    assert named <= known | {"_SELECT_FILTER", "LOGLEVEL"}  # Meltano's, the SDK's


def test_the_settings_that_the_readme_explains_are_good_ones() -> None:
    """Read as the tap would read them, comments taken out."""
    (block,) = (one for one in blocks_of(SETTINGS) if one.language == "jsonc")
    config = json.loads(re.sub(r"//.*", "", block.text))
    schema = TapKustomer.config_jsonschema
    TapKustomer.append_builtin_config(schema)

    assert set(config) <= set(schema["properties"])
    assert TapKustomer(config=config, setup_mapper=False).settings.api_url


def test_streams_named_in_code_exist() -> None:
    """In lists of stream names and in what the reader is told to select."""
    known = {stream.name for stream in STREAM_TYPES}
    (select,) = (one for one in blocks_of(PAGES[0]) if one.remark == "select")
    patterns = re.findall(r'^ +- "?!?([a-z_*]+)\.', select.text, re.MULTILINE)
    assert {name for name in patterns if "*" not in name} <= known
    switching = (CHECKOUT / "docs" / "switching.md").read_text(encoding="utf-8")
    table = switching.partition("## Streams")[2].partition("## Fields")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    here = {name for line in lines for name in re.findall(r"`(\w+)`", line.split("|")[3])}
    assert here - {"optional_streams"} <= known


@pytest.mark.parametrize("page", [PAGES[0], SINGER], ids=lambda page: page.stem)
def test_no_placeholder_is_left_unexplained(page: Path) -> None:
    """`OWNER` is, before it is first used."""
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"YOUR[-_]|<your|TODO|FIXME", text)
    if account() == OPEN:
        assert text.index("`OWNER` is") < text.index("/OWNER/")


def test_the_readme_is_short_and_says_how_far_it_is_proven() -> None:
    """Nobody reads more than that in ten minutes, and silence about live orgs reads worse."""
    text = PAGES[0].read_text(encoding="utf-8")
    assert len(text.split()) < 1400
    assert "never run against a live Kustomer org" in text


def test_the_quick_start_needs_at_most_eight_commands() -> None:
    """From nothing to rows."""
    blocks = [one.text for one in blocks_of(PAGES[0]) if one.remark == "quick start"]
    lines = [
        line for text in blocks for line in text.splitlines() if not re.match(r"[A-Z_]+=", line)
    ]
    assert len([part for line in lines for part in line.split(" && ")]) <= 8


def test_the_sample_config_is_one_to_copy() -> None:
    """It has what most need, and nothing of the simulator."""
    sample = json.loads((CHECKOUT / "sample_config.json").read_text(encoding="utf-8"))
    assert list(sample) == ["api_key", "org_name", "start_date"]
    assert TapKustomer(config=sample, setup_mapper=False).settings.api_url


def test_every_page_is_in_the_index() -> None:
    """A page that no index names is never read."""
    pages = {path.name for path in (CHECKOUT / "docs").glob("*.md")} - {"README.md"}
    index = (CHECKOUT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([a-z-]+\.md)\)", index)
    assert sorted(linked) == sorted(pages)


def test_the_account_goes_where_a_page_names_it() -> None:
    """It is filled in at one place; addresses of other projects stay."""
    text = "git+https://github.com/OWNER/tap-kustomer@v0.1.0, https://github.com/meltano/hub"
    assert named(text) == text.replace("OWNER", account())
    assert raw("0.1.0").startswith("https://raw.githubusercontent.com/")
    assert "/main" not in PAGES[0].read_text(encoding="utf-8").partition("## Try it")[0]


def test_a_release_says_what_is_left_to_fill_in() -> None:
    """Each thing is a sentence that names its file."""
    left = list(left_to_do())
    assert (account() == OPEN) == any("[project.urls]" in one for one in left)
    assert all(re.match(r"[\w.]+: .+\.$", one) for one in left)
