"""Measured comparisons of radkit with named peers: one file, one question."""
