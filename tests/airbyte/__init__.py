"""Tests of the Airbyte source."""
