# syntax=docker/dockerfile:1
# The Airbyte source as an image, to Airbyte's conventions; see docs/airbyte.md.
#
#   docker build --tag source-kustomer:0.1.0 .

# Brings Python 3.11, UTC, and the user `airbyte` with the id 1000. The one of metadata.yaml.
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.1.0@sha256:1d1aa21d34e851df4e8a87b391c27724c06e2597608e7161f4d167be853bd7b6

FROM ${BASE_IMAGE} AS builder
WORKDIR /build
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY tap_kustomer ./tap_kustomer
# An environment of its own: the base image holds packages for other connectors.
RUN python -m venv /opt/source-kustomer \
    && /opt/source-kustomer/bin/python -m pip install --no-cache-dir .

FROM ${BASE_IMAGE}
COPY --from=builder /opt/source-kustomer /opt/source-kustomer
# `exec`: the source itself gets the signals, so that it can leave its last state.
COPY --chmod=755 <<'EOT' /entrypoint.sh
#!/bin/sh
exec /opt/source-kustomer/bin/source-kustomer "$@"
EOT

WORKDIR /airbyte
USER airbyte
ENV AIRBYTE_ENTRYPOINT="/entrypoint.sh"
ENTRYPOINT ["/entrypoint.sh"]

LABEL io.airbyte.name="source-kustomer"
LABEL io.airbyte.version="0.1.0"
