"""Messages without their audio: what a stored conversation keeps of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar, cast

from langchain_core.messages import AIMessage, BaseMessage
from pydantic import field_serializer

from apertis_audio_tools.adapters.chat_schema.audio_age import older_than_last
from apertis_audio_tools.adapters.chat_schema.turns import text_block, words_or_note
from apertis_audio_tools.langchain.audio_blocks import AudioBlock
from apertis_audio_tools.langchain.messages import spoken_turn

M = TypeVar("M", bound=BaseMessage)
Content = str | list[str | dict[Any, Any]]
Words = Mapping[int, str]
"""Words of blocks with audio, by the `id` of the block."""


def has_audio(message: BaseMessage) -> bool:
    """Return whether a message holds audio itself; a path to a file or an id is none."""
    spoken = message.additional_kwargs.get("audio")
    return any(_held_audio(message)) or (isinstance(spoken, dict) and "data" in spoken)


def untranscribed_blocks(message: BaseMessage) -> list[dict[Any, Any]]:
    """Return the blocks of a user's message with audio whose words are not known."""
    if isinstance(message, AIMessage):
        return []
    return [block for block, audio in _audio_blocks(message) if not audio.words]


def without_audio(message: M, words: Words) -> M:
    """Return a copy with words or notes in place of audio; the id of a spoken reply stays."""
    extra = dict(message.additional_kwargs)
    if isinstance(spoken := extra.get("audio"), dict):
        extra["audio"] = {name: value for name, value in spoken.items() if name != "data"}
    update = {"content": _slim_content(message, words), "additional_kwargs": extra}
    return message.model_copy(update=update)


def older_messages(messages: Sequence[M], keep_last: int) -> list[M]:
    """Return the messages whose audio is older than that of the last `keep_last` ones.

    What the user has said since the last reply is never among them.
    """
    replies = [isinstance(each, AIMessage) and not each.tool_calls for each in messages]
    older = older_than_last([*map(has_audio, messages)], replies, keep_last)
    return [messages[index] for index in older]


def _audio_blocks(message: BaseMessage) -> Iterable[tuple[dict[Any, Any], AudioBlock]]:
    for block in message.content if isinstance(message.content, list) else ():
        audio = AudioBlock.read(block)
        if isinstance(block, dict) and audio is not None and audio.content is not None:
            yield block, audio


def _held_audio(message: BaseMessage) -> Iterable[AudioBlock]:
    return (audio for _, audio in _audio_blocks(message))


def _slim_content(message: BaseMessage, words: Words) -> Content:
    if not isinstance(message.content, list):
        return message.content
    held = {id(block): audio for block, audio in _audio_blocks(message)}
    if isinstance(message, AIMessage):
        rest = [block for block in message.content if id(block) not in held]
        return _plain(rest) if message.text else _spoken_words(message, rest)
    return [
        text_block(_words(held[id(block)], words.get(id(block)))) if id(block) in held else block
        for block in message.content
    ]


def _words(audio: AudioBlock, transcribed: str | None) -> str:
    return words_or_note(audio.words or transcribed, audio.name)


def _spoken_words(message: AIMessage, rest: list[str | dict[Any, Any]]) -> Content:
    """Return the content of a reply without text: its transcript, or a note if it has no id."""
    spoken = spoken_turn(message)
    if spoken is None or (spoken.id and not spoken.transcript):
        return rest
    return _plain([*rest, text_block(words_or_note(spoken.transcript, "reply"))])


def _plain(content: list[str | dict[Any, Any]]) -> Content:
    """Return the text alone if there is nothing else."""
    block = content[0] if len(content) == 1 else None
    is_text = isinstance(block, dict) and block.keys() == {"type", "text"}
    return cast("dict[str, str]", block)["text"] if is_text else content


class _UnsavedAudio(AIMessage):
    """A reply whose audio is in memory only: dumps, such as checkpoints, have the rest of it.

    It is a class because LangGraph stores whatever a node or a hook returns, before any other hook
    could replace it: a message with audio in the state of a running agent has to leave the audio
    out itself, when it is written. A channel that is not stored (`UntrackedValue`) would hand the
    audio to the caller beside the reply, not in it.
    """

    @classmethod
    def of(cls, message: AIMessage) -> Self:
        """Return a message with the same fields."""
        return cls.model_construct(message.model_fields_set, **message.__dict__)

    @field_serializer("content")
    def _dump_content(self, _content: Content) -> Content:
        return _slim_content(self, {})

    def __reduce__(self) -> tuple[Any, ...]:
        return AIMessage.model_validate, (self.model_dump(),)


# Checkpoints name the class of a message, and read it back as this one.
_UnsavedAudio.__module__, _UnsavedAudio.__qualname__ = AIMessage.__module__, AIMessage.__qualname__
_UnsavedAudio.__name__ = AIMessage.__name__


def unsaved_audio(message: M) -> M:
    """Return a reply with audio that is not written into checkpoints; another message as it is."""
    if type(message) is AIMessage and has_audio(message):
        return cast("M", _UnsavedAudio.of(cast("AIMessage", message)))
    return message
