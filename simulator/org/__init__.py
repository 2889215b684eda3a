"""The simulated org itself: its rows, klasses and time. Knows no HTTP."""
