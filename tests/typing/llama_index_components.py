"""Type checks of the LlamaIndex components: read by mypy and pyright, never run."""

from typing import assert_type

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document
from llama_index.core.tools import FunctionTool

from apertis_audio_tools import ApertisAudio, FileAccess
from apertis_audio_tools.llama_index import (
    ApertisAudioLLM,
    ApertisAudioReader,
    ApertisAudioToolSpec,
    audio_file_extractor,
)

MESSAGES = [ChatMessage(role="user", content="Hello.")]


def reader(audio: ApertisAudio) -> None:
    """Check the arguments and results of the reader."""
    reading = ApertisAudioReader(
        input_dir="recordings",
        suffixes=[".ogg"],
        model="whisper-1",
        granularity="segment",
        upload_format="opus",
        track=1,
        on_error="skip",
        client=audio,
    )
    assert_type(reading.load_data(), list[Document])
    assert_type(reading.load_data(["a.ogg", b"", ("b.ogg", b"")]), list[Document])
    for document in reading.lazy_load_data("a.ogg", extra_info={"team": "blue"}):
        assert_type(document, Document)
    for failure in reading.failures:
        assert_type(failure.source, str)
    assert_type(audio_file_extractor(reading), dict[str, BaseReader])


async def async_reader() -> None:
    """Check the results of the reader's async methods."""
    assert_type(await ApertisAudioReader(cache=True).aload_data("a.ogg"), list[Document])


def tool_spec(access: FileAccess) -> None:
    """Check the arguments and results of the tool spec."""
    spec = ApertisAudioToolSpec("recordings", output="spoken", voice="nova", api_key="sk-key-1")
    assert_type(spec.to_tool_list(), list[FunctionTool])
    ApertisAudioToolSpec(access=access, client=ApertisAudio(), ask_max_seconds=60)


def llm() -> None:
    """Check the results of the language model's sync methods."""
    model = ApertisAudioLLM(voice="nova", temperature=0.5)
    assert_type(model.chat(MESSAGES), ChatResponse)
    assert_type(model.chat(messages=MESSAGES, temperature=0.0), ChatResponse)
    assert_type(model.complete("Hello."), CompletionResponse)
    for response in model.stream_chat(MESSAGES):
        assert_type(response, ChatResponse)
    for completion in model.stream_complete("Hello."):
        assert_type(completion, CompletionResponse)


async def async_llm() -> None:
    """Check the results of the language model's async methods."""
    model = ApertisAudioLLM()
    assert_type(await model.achat(MESSAGES), ChatResponse)
    assert_type(await model.acomplete("Hello."), CompletionResponse)
    async for response in await model.astream_chat(MESSAGES):
        assert_type(response, ChatResponse)
    async for completion in await model.astream_complete("Hello."):
        assert_type(completion, CompletionResponse)


async def refused_arguments() -> None:
    """Check that misspelled names, missing messages and impossible values are errors."""
    model = ApertisAudioLLM()
    model.chat()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    model.chat("Hello.")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    model.stream_chat()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await model.achat()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await model.astream_chat()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ApertisAudioLLM(api_kye="sk-key-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ApertisAudioToolSpec(api_kye="sk-key-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ApertisAudioReader(langauge="en")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ApertisAudioReader(on_error="collect")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ApertisAudioReader(granularity="word")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
