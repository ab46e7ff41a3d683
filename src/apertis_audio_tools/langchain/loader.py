"""The document loader: recordings in files, folders or blob loaders become documents."""

from collections.abc import AsyncGenerator, Generator, Iterable
from pathlib import Path
from typing import Unpack

from langchain_core.document_loaders import BaseLoader, BlobLoader
from langchain_core.documents import Document

from apertis_audio_tools.adapters.client_handle import hide_key
from apertis_audio_tools.adapters.documents import path_source
from apertis_audio_tools.adapters.loading import Failure
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.files.discovery import RecordingPath
from apertis_audio_tools.files.paths import expand_user
from apertis_audio_tools.langchain.blobs import RecordingBlobLoader
from apertis_audio_tools.langchain.parser import ApertisAudioParser, ParserOptions
from apertis_audio_tools.pipeline.accounts import Account
from apertis_audio_tools.results import TotalUsage


class ApertisAudioLoader(BaseLoader):
    """Loads recordings as documents that know their source, their start and their end.

    Several recordings are transcribed at once, and the documents come in the order of the
    recordings; recordings far behind in the order are not sent yet. The documents are described at
    `ApertisAudioParser`. The same recordings make the same documents with the same ids, so that
    indexing them again costs nothing.

    Examples:
        >>> from apertis_audio_tools.langchain import ApertisAudioLoader
        >>> loader = ApertisAudioLoader("recordings", cache="transcripts")
        >>> for document in loader.lazy_load():
        ...     print(document.metadata["source"], document.metadata["timecode"])
        ...     print(document.page_content)

    Args:
        paths: A file or a folder, or several; or any blob loader.
        glob: Pattern for the files of a folder; ``*`` for those directly in it.
        suffixes: A suffix such as ``.mp3``, or several, in any case. Defaults to the suffixes of
            all formats that can be read.
        options: Options of `ApertisAudioParser`: ``model``, ``language``, ``granularity``,
            ``on_error``, ``show_progress``, ``client``, ``api_key``, ``cache`` ... ``max_cost`` and
            ``max_audio_seconds`` limit each load.

    Attributes:
        blob_loader: Blob loader that finds the recordings.

    Raises:
        ConfigurationError: If there is no API key, a path is empty or not below `root`, or an
            option is invalid.
    """

    def __init__(
        self,
        paths: RecordingPath | Iterable[RecordingPath] | BlobLoader,
        *,
        glob: str = "**/*",
        suffixes: str | Iterable[str] | None = None,
        **options: Unpack[ParserOptions],
    ) -> None:
        hide_key(options)
        if not isinstance(paths, BlobLoader):
            skips = options.get("on_error") == "skip"
            paths = RecordingBlobLoader(paths, glob=glob, suffixes=suffixes, missing_ok=skips)
            _require_below(options.get("root"), paths.paths)
        elif glob != "**/*" or suffixes is not None:
            raise ConfigurationError(
                "glob and suffixes are for folders; a blob loader has its own."
            )
        self.blob_loader: BlobLoader = paths
        self._parser = ApertisAudioParser(**options)

    @property
    def failures(self) -> list[Failure]:
        """Recordings skipped since the last load began, with ``on_error="skip"``."""
        return self._parser.failures

    @property
    def total_usage(self) -> TotalUsage:
        """Usage and cost of the recordings since the last load began."""
        return self._parser.total_usage

    def lazy_load(self) -> Generator[Document]:
        """Yield the documents of each recording as soon as it is transcribed, in order.

        After an error, also of the blob loader, no further recording is sent; it is raised after
        the documents of those under way. Closing the iterator stops everything in progress.

        Raises:
            ApertisError: If a recording cannot be read, or a request fails.
        """
        self._begin_load()
        return self._parser.lazy_parse_all(self.blob_loader.yield_blobs())

    def alazy_load(self) -> AsyncGenerator[Document]:
        """Async version of `lazy_load`; the blob loader runs in a thread."""
        self._begin_load()
        return self._parser.alazy_parse_all(self.blob_loader.yield_blobs())

    def _begin_load(self) -> None:
        self._parser.failures = []
        self._parser.account = Account(self._parser.account.limits)


def _require_below(root: RecordingPath | None, paths: Iterable[Path]) -> None:
    """Raise if one of the files is not below `root`, before anything is sent."""
    if root is not None:
        for path in paths:
            if not path.is_dir():
                path_source(path, expand_user(root))
