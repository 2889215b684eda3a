"""Tests of the first contact with an org: what is assumed, what is looked at, what is reported."""
