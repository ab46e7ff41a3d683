"""The rule by which older audio of a conversation is not sent any more."""

from collections.abc import Sequence


def older_than_last(
    has_audio: Sequence[bool], is_reply: Sequence[bool], keep_last: int
) -> list[int]:
    """Return the indexes of messages whose audio is older than that of the last `keep_last` ones.

    What the user has said since the last reply is never among them.

    Args:
        has_audio: For each message, whether it holds audio.
        is_reply: For each message, whether it is a reply that calls no tools.
        keep_last: Number of messages that keep their audio.
    """
    holding = [index for index, holds in enumerate(has_audio) if holds]
    older = holding[: max(len(holding) - keep_last, 0)]
    last_reply = max((index for index, replies in enumerate(is_reply) if replies), default=-1)
    return [index for index in older if index <= last_reply]
