"""Type checks of the LangChain components: read by mypy and pyright, never run."""

from typing import assert_type

from langchain_core.document_loaders import Blob
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import BaseTool

from apertis_audio_tools import ApertisAudio, FileAccess
from apertis_audio_tools.langchain import (
    ApertisAudioLoader,
    ApertisAudioParser,
    ApertisAudioToolkit,
    ChatApertisAudio,
    RecordingBlobLoader,
    TranscribeAudio,
)


def loader(audio: ApertisAudio) -> None:
    """Check the arguments and results of the loader."""
    loading = ApertisAudioLoader(
        ["recordings", "standup.ogg"],
        suffixes=[".ogg"],
        model="whisper-1",
        language="en",
        granularity="segment",
        max_seconds=60,
        overlap=2.0,
        on_error="skip",
        show_progress=True,
        client=audio,
    )
    assert_type(loading.load(), list[Document])
    for document in loading.lazy_load():
        assert_type(document, Document)
    for failure in loading.failures:
        assert_type(failure.source, str)
    ApertisAudioLoader(RecordingBlobLoader("recordings", glob="*"), api_key="sk-key-1", cache=True)


async def async_loader() -> None:
    """Check the results of the loader's async methods."""
    assert_type(await ApertisAudioLoader("recordings").aload(), list[Document])
    async for document in ApertisAudioLoader("recordings", cache="transcripts").alazy_load():
        assert_type(document, Document)


def parser() -> None:
    """Check the results of the parser."""
    for document in ApertisAudioParser(task="translate").lazy_parse(Blob.from_path("a.ogg")):
        assert_type(document, Document)


def agents(access: FileAccess) -> None:
    """Check the toolkit, the tools and the chat model."""
    toolkit = ApertisAudioToolkit(inputs="recordings", output="spoken", api_key="sk-key-1")
    assert_type(toolkit.get_tools(), list[BaseTool])
    TranscribeAudio(access=access, model="whisper-1")
    model = ChatApertisAudio(voice="nova", temperature=0.5, file_access=access)
    assert_type(model.invoke([HumanMessage("Hello.")]), AIMessage)


def refused_arguments() -> None:
    """Check that misspelled names and impossible values are errors."""
    ApertisAudioLoader("recordings", grain="segment")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ApertisAudioLoader("recordings", granularity="word")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ApertisAudioLoader("recordings", on_error="collect")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ApertisAudioLoader(places="recordings")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ApertisAudioParser(langauge="en")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ApertisAudioToolkit(input="recordings")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    TranscribeAudio(modle="whisper-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ChatApertisAudio(api_kye="sk-key-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
