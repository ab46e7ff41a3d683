"""Recordings as documents of LlamaIndex."""

import contextlib
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from llama_index.core.readers.base import BasePydanticReader, BaseReader, ResourcesReaderMixin
from llama_index.core.schema import Document
from pydantic import PrivateAttr

from apertis_audio_tools.adapters.documents import DocumentOptions, Granularity, citation
from apertis_audio_tools.adapters.loading import Failure, LoadOptions, skip_recording
from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import ConfigurationError, RecordingError
from apertis_audio_tools.files.discovery import SUFFIXES, as_path_list, find_recordings
from apertis_audio_tools.llama_index.client_settings import ClientSettings, Folder
from apertis_audio_tools.llama_index.documents import documents
from apertis_audio_tools.llama_index.load_tracking import LoadTracker
from apertis_audio_tools.llama_index.recording_finder import (
    LocatedRecording,
    ReaderSource,
    RecordingFinder,
)
from apertis_audio_tools.models import TRANSCRIPTION_MODEL, Task, UploadFormat
from apertis_audio_tools.pipeline.batch import OnError, Outcome, require_error_mode
from apertis_audio_tools.results import PASSAGE_CHARACTERS, PASSAGE_SECONDS


class ApertisAudioReader(ClientSettings, BasePydanticReader, ResourcesReaderMixin):
    """Recordings of any length as documents that know from when to when they were said.

    Alone, for a file, a list or a folder; in ``SimpleDirectoryReader(file_extractor=...)`` through
    `audio_file_extractor`; in ``IngestionPipeline(readers=[ReaderConfig(reader=...)])``.

    Example:
        >>> from apertis_audio_tools.llama_index import ApertisAudioReader
        >>> reader = ApertisAudioReader(model="whisper-1", language="en")
        >>> for document in reader.load_data("standup.ogg"):
        ...     print(document.metadata["timecode"], document.text)

    Attributes:
        input_dir: The folder, or file, that is read when a method is not given another.
        glob: Which files of a folder.
        suffixes: Such as ``.mp3``, or several; without them, every suffix of recordings.
        task: ``transcribe``, or ``translate`` into English.
        model: As in `ApertisAudio.transcribe`, like the next five.
        language: ISO 639-1; only to transcribe.
        prompt: Context, or how names are spelled.
        temperature: 0 to 1.
        piece_seconds: How long pieces should be, about.
        upload_format: ``mp3`` or ``opus``, for a slow line.
        granularity: ``passage`` for whole segments packed to the size below, ``segment`` for each,
            ``recording`` for one document.
        max_seconds: Of a passage.
        max_characters: Of a passage.
        overlap: Seconds by which a passage begins before the one before it ends.
        on_error: ``raise``, or ``skip`` recordings that fail: they are logged, and in `failures`.
            What would befall all, such as a wrong key or an outage, is raised.
        show_progress: A bar on standard error.
        api_key: As in `ApertisAudio`, like ``base_url``, ``timeout``, ``deadline``,
            ``max_retries``, ``max_wait``, ``max_concurrency``, ``requests_per_minute``, ``cache``
            and ``models``.
        client: An `ApertisAudio` instead of all these.

    Raises:
        ConfigurationError: A setting that cannot be.
    """

    is_remote: bool = True
    input_dir: Folder | None = None
    glob: str = "**/*"
    suffixes: str | list[str] | None = None
    task: Task = "transcribe"
    model: str = TRANSCRIPTION_MODEL
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    piece_seconds: float | None = None
    upload_format: UploadFormat = "auto"
    granularity: Granularity = "passage"
    max_seconds: float = PASSAGE_SECONDS
    max_characters: int = PASSAGE_CHARACTERS
    overlap: float = 0.0
    on_error: OnError = "raise"
    show_progress: bool = False
    _failures: list[Failure] = PrivateAttr(default_factory=list)

    def model_post_init(self, context: Any, /) -> None:
        """Refuse what cannot be asked, before anything is read."""
        super().model_post_init(context)
        self._reading()
        if self.input_dir is not None:
            as_path_list(self.input_dir)

    @classmethod
    def class_name(cls) -> str:
        """The name under which its settings are written down."""
        return "ApertisAudioReader"

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The recordings it has skipped, in this process: what they are called, and why."""
        return tuple(self._failures)

    def lazy_load_data(
        self,
        file: ReaderSource | None = None,
        extra_info: Mapping[str, Any] | None = None,
        fs: Any = None,
    ) -> Generator[Document]:
        """The documents of recordings, as soon as each recording is transcribed, in order.

        Args:
            file: A recording (a path, bytes, a binary file object, or (name, content)), a folder,
                or several of all these; without it, ``input_dir``.
            extra_info: Further metadata of the documents: flat, fit for JSON.
            fs: The fsspec file system that paths are in, if it is not the local one; it has no
                folders here.

        Raises:
            RecordingError: A recording is missing, empty or no audio.
            ConfigurationError: There is no key, or nothing to read.
            APIError: The service refused, could not be reached, or answered nonsense.
        """
        with self._under_way() as under_way:
            found = under_way.setting_out(self._found(file, fs))
            outcomes = self._reading().each(self.audio, found, **self._how())
            with contextlib.closing(outcomes):
                for recording, outcome in outcomes:
                    yield from self._documents(recording, outcome, extra_info or {}, under_way)

    def load_data(
        self,
        file: ReaderSource | None = None,
        extra_info: Mapping[str, Any] | None = None,
        fs: Any = None,
    ) -> list[Document]:
        """All the documents; see `lazy_load_data`."""
        return list(self.lazy_load_data(file, extra_info, fs))

    async def aload_data(
        self,
        file: ReaderSource | None = None,
        extra_info: Mapping[str, Any] | None = None,
        fs: Any = None,
    ) -> list[Document]:
        """The same."""
        made: list[Document] = []
        with self._under_way() as under_way:
            found = under_way.setting_out(self._found(file, fs))
            outcomes = self._reading().aeach(self.audio, found, **self._how())
            async with contextlib.aclosing(outcomes):
                async for recording, outcome in outcomes:
                    made += self._documents(recording, outcome, extra_info or {}, under_way)
        return made

    async def alazy_load_data(
        self,
        file: ReaderSource | None = None,
        extra_info: Mapping[str, Any] | None = None,
        fs: Any = None,
    ) -> list[Document]:
        """The same: what LlamaIndex awaits here is iterated without awaiting, so it is complete."""
        return await self.aload_data(file, extra_info, fs)

    def list_resources(self) -> list[str]:
        """The paths of the recordings in ``input_dir``.

        Raises:
            ConfigurationError: There is no ``input_dir``.
            RecordingError: It does not exist.
        """
        return [str(path) for path in self._find(self._place(None))]

    def get_resource_info(self, resource_id: str) -> dict[str, Any]:
        """Path, name, size in bytes, and the time of the last change in Unix seconds.

        Raises:
            RecordingError: There is no such file.
        """
        try:
            status = Path(resource_id).stat()
        except OSError as error:
            raise RecordingError(f"{resource_id!r} cannot be read: {error.strerror}.") from error
        return {
            "file_path": resource_id,
            "file_name": Path(resource_id).name,
            "file_size": status.st_size,
            "last_modified": status.st_mtime,
        }

    def load_resource(self, resource_id: str) -> list[Document]:
        """The documents of one recording; see `lazy_load_data`."""
        return self.load_data(resource_id)

    async def aload_resource(self, resource_id: str) -> list[Document]:
        """The same."""
        return await self.aload_data(resource_id)

    def _reading(self) -> LoadOptions:
        return LoadOptions(
            task=self.task,
            model=self.model,
            language=self.language,
            prompt=self.prompt,
            temperature=self.temperature,
            piece_seconds=self.piece_seconds,
            upload_format=self.upload_format,
            document_options=DocumentOptions(
                self.granularity, self.max_seconds, self.max_characters, self.overlap
            ),
        )

    def _how(self) -> dict[str, Any]:
        require_error_mode(self.on_error)
        return {"on_error": self.on_error, "progress": self.show_progress}

    def _place(self, given: ReaderSource | None) -> ReaderSource:
        place = self.input_dir if given is None else given
        if place is None:
            raise ConfigurationError(
                "There is nothing to read: pass a file or folder, or set input_dir."
            )
        return place

    def _found(
        self, given: ReaderSource | None, fs: Any
    ) -> Iterator[tuple[LocatedRecording, Source]]:
        return RecordingFinder(self._find, fs).recordings(self._place(given))

    def _find(self, place: Any, met: set[str] | None = None) -> Iterator[Path]:
        return find_recordings(place, glob=self.glob, suffixes=self.suffixes, seen=met)

    def _under_way(self) -> LoadTracker:
        return LoadTracker(self.task, self.model)

    def _documents(
        self,
        found: LocatedRecording,
        outcome: Outcome,
        extra_info: Mapping[str, Any],
        under_way: LoadTracker,
    ) -> list[Document]:
        if outcome.error is not None:
            failure = skip_recording(found.name or outcome.label, outcome.error)
            self._failures.append(failure)
            under_way.arrived(found, failure.source, error=str(outcome.error))
            return []
        transcript = outcome.transcript
        read = self._reading().documents(transcript, found.name)
        made = documents(read, extra_info, found.path)
        under_way.arrived(
            found,
            citation(found.name, transcript.digest),
            documents=len(made),
            duration=transcript.duration,
            usage=transcript.usage,
        )
        return made


def audio_file_extractor(reader: BaseReader) -> dict[str, BaseReader]:
    """A ``file_extractor`` for SimpleDirectoryReader, with the reader for every kind of recording.

    SimpleDirectoryReader would index what it has no reader for as text, sound included. It leaves
    out files that fail, and only prints so, unless it is given ``raise_on_error=True``.

    Args:
        reader: Usually an `ApertisAudioReader`.
    """
    return dict.fromkeys(sorted(SUFFIXES), reader)
