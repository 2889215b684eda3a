"""Runs in the environment of PyAirbyte: the CDK's own checks of a spec and a catalog.

``python pyairbyte_lint.py`` takes ``{"spec": ..., "catalog": ...}`` on standard input and prints
what Airbyte objects to, one sentence a line.
"""

from __future__ import annotations

import json
import sys
from itertools import chain

from airbyte_cdk.models import AirbyteMessageSerializer
from airbyte_cdk.test.standard_tests._catalog_checks import find_catalog_problems
from airbyte_cdk.test.standard_tests._spec_lint import find_secret_marking_errors

if __name__ == "__main__":
    given = json.load(sys.stdin)
    message = AirbyteMessageSerializer.load({"type": "CATALOG", "catalog": given["catalog"]})
    problems = find_catalog_problems(message.catalog)
    errors = find_secret_marking_errors(given["spec"]["connectionSpecification"])
    for sentence in chain(*problems.values(), errors):
        sys.stdout.write(f"{sentence}\n")
