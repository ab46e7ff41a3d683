"""The loader: recordings in files, folders or blob loaders become documents."""

from collections.abc import AsyncGenerator, Generator, Iterable
from typing import Unpack

from langchain_core.document_loaders import BaseLoader, BlobLoader
from langchain_core.documents import Document

from apertis_audio_tools.adapters.loading import Failure
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.files.discovery import RecordingPath
from apertis_audio_tools.langchain.blobs import RecordingBlobLoader
from apertis_audio_tools.langchain.parser import ApertisAudioParser, ParserOptions


class ApertisAudioLoader(BaseLoader):
    """Recordings as documents: what was said, in which recording, and from when to when.

    Several recordings are under way at once, and documents come in the order of the recordings
    while later ones are not sent yet. Documents are described at `ApertisAudioParser`; the same
    recordings give the same documents with the same ids, so that indexing them again is free.

    Example:
        >>> from apertis_audio_tools.langchain import ApertisAudioLoader
        >>> loader = ApertisAudioLoader("recordings", cache="transcripts")
        >>> for document in loader.lazy_load():
        ...     print(document.metadata["source"], document.metadata["timecode"])
        ...     print(document.page_content)

    Args:
        paths: A file or a folder, or several; or any blob loader.
        glob: Which files of a folder; ``*`` for those directly in it.
        suffixes: Such as ``.mp3``, or several, in any case; without them, those of recordings.
        options: All that `ApertisAudioParser` takes: ``model``, ``language``, ``granularity``,
            ``on_error``, ``show_progress``, ``client``, ``api_key``, ``cache`` ...

    Attributes:
        blob_loader: Where the recordings come from.

    Raises:
        ConfigurationError: No key, a place without a name, or a setting that cannot be.
    """

    def __init__(
        self,
        paths: RecordingPath | Iterable[RecordingPath] | BlobLoader,
        *,
        glob: str = "**/*",
        suffixes: str | Iterable[str] | None = None,
        **options: Unpack[ParserOptions],
    ) -> None:
        if not isinstance(paths, BlobLoader):
            paths = RecordingBlobLoader(paths, glob=glob, suffixes=suffixes)
        elif glob != "**/*" or suffixes is not None:
            raise ConfigurationError(
                "glob and suffixes are for folders; a blob loader has its own."
            )
        self.blob_loader: BlobLoader = paths
        self._parser = ApertisAudioParser(**options)

    @property
    def failures(self) -> list[Failure]:
        """The recordings that were skipped since loading last began, with ``on_error="skip"``."""
        return self._parser.failures

    def lazy_load(self) -> Generator[Document]:
        """The documents, each as soon as its recording and those before it are transcribed.

        Closing the iterator ends what is under way.

        Raises:
            ApertisError: A recording cannot be read, or the service's part went wrong.
        """
        self._parser.failures = []
        return self._parser.lazy_parse_all(self.blob_loader.yield_blobs())

    def alazy_load(self) -> AsyncGenerator[Document]:
        """The same for asyncio; a thread goes through the blobs, everything else awaits."""
        self._parser.failures = []
        return self._parser.alazy_parse_all(self.blob_loader.yield_blobs())
