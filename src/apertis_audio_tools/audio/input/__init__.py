"""Read recordings: sources, containers, tracks and packets."""
