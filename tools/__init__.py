"""What developers run and the wheel does not hold: benchmarks, demo, endurance run, pages."""
