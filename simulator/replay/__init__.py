"""Answers with a recording that ``tap-kustomer --record`` made, so that a report becomes a test."""

from simulator.replay.recording import Recording, RecordingError
from simulator.replay.replay import Replay

__all__ = ["Recording", "RecordingError", "Replay"]
