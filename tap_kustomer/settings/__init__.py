"""The settings: what may be set, the values that the tap works with, and the environment."""
