"""Tests of the pages: what they show and promise."""
