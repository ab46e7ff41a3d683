"""Permits, signals and locks that work across threads, event loops and forks."""
