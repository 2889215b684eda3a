"""Dockerfile and metadata.yaml keep Airbyte's conventions; nothing here builds the image."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
import yaml

from tap_kustomer import __version__
from tap_kustomer.airbyte.spec import PROTOCOL_VERSION, specification
from tap_kustomer.streams.registry import STREAM_TYPES
from tests.support import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 brings tomllib")

# Of `data` in ConnectorMetadataDefinitionV0.yaml of airbytehq/airbyte.
REQUIRED = {
    "name",
    "definitionId",
    "connectorType",
    "dockerRepository",
    "dockerImageTag",
    "license",
    "documentationUrl",
    "githubIssueLabel",
    "connectorSubtype",
    "releaseStage",
}


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with what they are given, continued lines joined."""
    text = (ROOT / "packaging" / "airbyte" / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ")
    heredoc = re.compile(r"(?ms)<<'EOT' (\S+)\n(.*?)^EOT\n")
    text = heredoc.sub(lambda found: f"{found[1]} {found[2].strip()!r}\n", text)
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())
    ]


def given(word: str) -> list[str]:
    """Return what each instruction ``word`` is given, in order."""
    return [rest for found, rest in instructions() if found == word]


@pytest.fixture
def metadata() -> dict[str, Any]:
    """Return the content of metadata.yaml."""
    return dict(
        yaml.safe_load(
            (ROOT / "packaging" / "airbyte" / "metadata.yaml").read_text(encoding="utf-8")
        )
    )


def test_the_image_runs_as_airbytes_user() -> None:
    """The platform refuses images that need root."""
    words = [word for word, _ in instructions()]

    assert given("USER") == ["airbyte"]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in {"RUN", "COPY"})


def test_the_entrypoint_is_announced_and_passes_arguments_and_signals() -> None:
    """The platform starts what AIRBYTE_ENTRYPOINT names."""
    (script,) = [rest for rest in given("COPY") if "/entrypoint.sh" in rest]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert given("ENV") == ['AIRBYTE_ENTRYPOINT="/entrypoint.sh"']
    assert given("ENTRYPOINT") == ['["/entrypoint.sh"]']
    assert "--chmod=755" in script
    assert 'exec /opt/source-kustomer/bin/source-kustomer "$@"' in script
    assert "source-kustomer" in project["scripts"]


def test_every_file_that_is_copied_reaches_the_builder() -> None:
    """The ignore file lets through what the wheel is made of, and nothing else."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source
        for rest in given("COPY")
        if "--from" not in rest and "--chmod" not in rest
        for source in rest.split()[:-1]
    }

    assert "*" in ignored
    assert copied == let_through
    assert all((ROOT / source).exists() for source in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"pyproject.toml", *project["license-files"]} <= copied
    assert project.get("readme", "README.md") in copied


def test_versions_and_names_agree(metadata: dict[str, Any]) -> None:
    """Image, registry entry and package are one release."""
    labels = dict(rest.split("=", 1) for rest in given("LABEL"))
    data = metadata["data"]

    assert labels["io.airbyte.version"] == f'"{__version__}"'
    assert data["dockerImageTag"] == __version__
    assert labels["io.airbyte.name"] == f'"{data["dockerRepository"]}"'
    assert data["protocolVersion"] == PROTOCOL_VERSION
    assert data["documentationUrl"] == specification()["documentationUrl"]


def test_the_base_image_is_pinned(metadata: dict[str, Any]) -> None:
    """By digest, and the same in both files."""
    (argument,) = given("ARG")
    base = argument.removeprefix("BASE_IMAGE=")

    assert re.search(r"@sha256:[0-9a-f]{64}$", base)
    assert base == metadata["data"]["connectorBuildOptions"]["baseImage"]
    assert all(rest.startswith("${BASE_IMAGE}") for rest in given("FROM"))


def test_the_registry_entry_is_complete(metadata: dict[str, Any]) -> None:
    """With every key that Airbyte's schema requires."""
    data = metadata["data"]

    assert metadata["metadataSpecVersion"] == "1.0"
    assert data.keys() >= REQUIRED
    assert (data["connectorType"], data["connectorSubtype"]) == ("source", "api")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", data["definitionId"])
    # The archived connector's id: a new one must not take over its connections.
    assert data["definitionId"] != "cd06e646-31bf-4dc8-af48-cbc6530fcad3"
    assert set(data["suggestedStreams"]["streams"]) <= {one.name for one in STREAM_TYPES}
