"""Read recordings: sources, containers and packets."""
