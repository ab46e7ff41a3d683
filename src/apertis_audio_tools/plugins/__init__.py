"""What the entry points of other programs load: each module small, and quick to import.

A module here reads no settings, opens no connection and imports nothing large when it is loaded;
what is wrong with a key or an address is said in a sentence when something is asked for.
"""
