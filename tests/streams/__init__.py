"""Tests of the streams: lists, children, searches."""
