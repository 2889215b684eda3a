"""The command line: options, input files, signals, progress and the preflight."""
