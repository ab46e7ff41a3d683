"""Conversations in the service's chat schema, for the chat models of both frameworks.

An adapter only reads the messages of its framework and builds replies in the framework's types;
what both need is here. A message in the chat schema is called a turn, to tell it from those.
"""
