"""Tests of what is published beside the wheel."""
