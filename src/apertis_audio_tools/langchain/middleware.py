"""Middleware for agents made with `langchain.agents.create_agent`.

Requires the extra ``agents``: ``pip install "apertis-audio-tools[agents]"``.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain.agents.middleware.types import ExtendedModelResponse
from langchain_core.messages import AnyMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.types import Command

from apertis_audio_tools.langchain.older_audio import (
    Words,
    older_messages,
    unsaved_audio,
    untranscribed_blocks,
    without_audio,
)

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

Transcribe = Runnable[Any, str] | Callable[[Any], str]
"""Function or runnable that returns the words of a content block with audio."""


class DropAudio(AgentMiddleware):
    """Keeps the audio of the last messages of an agent's conversation, and the words of the rest.

    A spoken reply keeps its words, and the id by which the service knows its audio until it
    expires. A clip of the user becomes its words if `transcribe` is given, or if its block has
    them as ``transcript``; otherwise it becomes ``[audio no longer available: NAME]``. What the
    user has said since the last reply is never dropped before the model has heard it. Clips that
    are referred to by path are left alone, as they take no space.

    Replies hold their audio in memory only; checkpoints have their words and id. The caller of the
    agent gets the audio, while 20 spoken turns take about as much room as 20 written ones.

    Examples:
        >>> from langchain.agents import create_agent
        >>> from langgraph.checkpoint.memory import InMemorySaver
        >>> from apertis_audio_tools.langchain import ChatApertisAudio, DropAudio
        >>> agent = create_agent(
        ...     ChatApertisAudio(voice="nova"),
        ...     middleware=[DropAudio()],
        ...     checkpointer=InMemorySaver(),
        ... )

    Args:
        keep_last: Number of messages that keep their audio, counted from the end.
        transcribe: Function or runnable that returns the words of a content block with audio, such
            as `TranscribeRunnable`. Defaults to None: clips become notes.
        save_replies: True to write the audio of kept replies into checkpoints as well. Programs
            that get the state of an agent over HTTP need it.

    Raises:
        ValueError: If `keep_last` is negative.
    """

    def __init__(
        self,
        keep_last: int = 1,
        *,
        transcribe: Transcribe | None = None,
        save_replies: bool = False,
    ) -> None:
        super().__init__()
        if keep_last < 0:
            raise ValueError(f"keep_last is {keep_last}; it must be a whole number from 0 on.")
        self.keep_last = keep_last
        self.save_replies = save_replies
        if transcribe is None or isinstance(transcribe, Runnable):
            self._transcribe = transcribe
        else:
            self._transcribe = RunnableLambda(transcribe)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ExtendedModelResponse[Any]:
        """Call the model without older audio; drop in the state what its reply has made older."""
        before = self._drop(older_messages(request.messages, self.keep_last))
        slim = _replaced(request.messages, before)
        response = handler(request.override(messages=slim))
        after = self._drop(self._older_now(slim, response))
        return self._extended(request, response, [*before, *after])

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ExtendedModelResponse[Any]:
        """Async version of `wrap_model_call`."""
        before = await self._adrop(older_messages(request.messages, self.keep_last))
        slim = _replaced(request.messages, before)
        response = await handler(request.override(messages=slim))
        after = await self._adrop(self._older_now(slim, response))
        return self._extended(request, response, [*before, *after])

    def _older_now(
        self, messages: Sequence[AnyMessage], response: ModelResponse[Any]
    ) -> list[AnyMessage]:
        """Return the messages of a conversation whose audio is older now that there is a reply."""
        conversation: list[BaseMessage] = [*messages, *response.result]
        older = older_messages(conversation, self.keep_last)
        return [message for message in messages if any(message is each for each in older)]

    def _extended(
        self,
        request: ModelRequest[Any],
        response: ModelResponse[Any],
        dropped: Sequence[AnyMessage],
    ) -> ExtendedModelResponse[Any]:
        # The state is changed in the step of the model call, as each step is a checkpoint. Messages
        # that other middleware added to the request only are not in it, and would be appended.
        stored = {message.id for message in request.state["messages"]}
        changed = [message for message in dropped if message.id in stored]
        if not self.save_replies:
            response = replace(response, result=[*map(unsaved_audio, response.result)])
        command: Command[Any] | None = Command(update={"messages": changed}) if changed else None
        return ExtendedModelResponse(model_response=response, command=command)

    def _drop(self, older: Sequence[AnyMessage]) -> list[AnyMessage]:
        dropped: list[AnyMessage] = []
        for message in older:
            try:
                words = self._words(message)
            except Exception as error:  # noqa: BLE001  # any error of the caller's function
                _log_kept(error)
            else:
                dropped.append(without_audio(message, words))
        return dropped

    async def _adrop(self, older: Sequence[AnyMessage]) -> list[AnyMessage]:
        dropped: list[AnyMessage] = []
        for message in older:
            try:
                words = await self._awords(message)
            except Exception as error:  # noqa: BLE001  # any error of the caller's function
                _log_kept(error)
            else:
                dropped.append(without_audio(message, words))
        return dropped

    def _words(self, message: AnyMessage) -> Words:
        if self._transcribe is None:
            return {}
        blocks = untranscribed_blocks(message)
        return {id(block): self._transcribe.invoke(block) for block in blocks}

    async def _awords(self, message: AnyMessage) -> Words:
        if self._transcribe is None:
            return {}
        blocks = untranscribed_blocks(message)
        return {id(block): await self._transcribe.ainvoke(block) for block in blocks}


def _replaced(
    messages: Sequence[AnyMessage], replacements: Sequence[AnyMessage]
) -> list[AnyMessage]:
    """Return messages with those that have the id of another replaced by it."""
    by_id = {each.id: each for each in replacements if each.id}
    return [by_id.get(message.id or "", message) for message in messages]


def _log_kept(error: Exception) -> None:
    logger.warning("A clip is kept in the conversation, as it could not be transcribed: %s", error)
