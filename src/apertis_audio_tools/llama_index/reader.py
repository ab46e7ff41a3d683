"""Reader that loads recordings as documents of LlamaIndex."""

import contextlib
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, TypedDict, Unpack

from llama_index.core.readers.base import BasePydanticReader, BaseReader, ResourcesReaderMixin
from llama_index.core.readers.loading import ALL_READERS
from llama_index.core.schema import Document
from pydantic import Field, PrivateAttr

from apertis_audio_tools.adapters.documents import DocumentOptions, Granularity, document_source
from apertis_audio_tools.adapters.loading import Failure, LoadOptions, log_failure
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.api.speakers import SpeakerSource
from apertis_audio_tools.audio import Source, source_label
from apertis_audio_tools.errors import ConfigurationError, RecordingError, UnsupportedError
from apertis_audio_tools.files.discovery import SUFFIXES, as_path_list
from apertis_audio_tools.files.paths import real_path
from apertis_audio_tools.llama_index.client_component import ClientComponent, PathText
from apertis_audio_tools.llama_index.clip_references import ClipReference
from apertis_audio_tools.llama_index.documents import (
    flatten_extra_info,
    to_documents,
    to_recording_document,
)
from apertis_audio_tools.llama_index.load_tracking import LoadTracker
from apertis_audio_tools.llama_index.recording_finder import (
    FileSystem,
    FolderSearch,
    LocatedRecording,
    ReaderSource,
    locate_recordings,
)
from apertis_audio_tools.models import AUTO, Pauses, Quality, Task, TrackChoice, UploadFormat
from apertis_audio_tools.pipeline.accounts import Account, Limits
from apertis_audio_tools.pipeline.batch import OnError, Outcome
from apertis_audio_tools.results import PASSAGE_CHARACTERS, PASSAGE_SECONDS, TotalUsage


class CallOptions(TypedDict, total=False):
    """Settings of a reader that a single call may replace; see `ApertisAudioReader`."""

    task: Task
    model: str
    language: str | None
    languages: Sequence[str]
    keywords: Sequence[str]
    to: str
    prompt: str | None


class ApertisAudioReader(ClientComponent, BasePydanticReader, ResourcesReaderMixin):
    """Reader of recordings of any length, whose documents have the times of their words.

    Works on its own, for a file, a list or a folder; in ``SimpleDirectoryReader`` through
    `audio_file_extractor`; and in ``IngestionPipeline(readers=[ReaderConfig(reader=...)])``.

    Examples:
        >>> from apertis_audio_tools.llama_index import ApertisAudioReader
        >>> reader = ApertisAudioReader(model="whisper-1", language="en")
        >>> for document in reader.load_data("standup.ogg"):
        ...     print(document.metadata["timecode"], document.text)

    Attributes:
        input_dir: PathText or file to read if a method is not given another.
        root: Folder that the ``source`` of files is relative to, with ``/`` between parts; files
            outside of it are refused. Defaults to none: ``source`` is the resolved absolute path.
        glob: Pattern of the files to read in a folder. Defaults to all files in it and below.
        suffixes: File name suffix such as ``.mp3``, or several. Defaults to all suffixes of
            recordings.
        task: ``transcribe``, or ``translate``.
        model: Transcription model; see `ApertisAudio.transcribe`, as for the next eight.
        language: ISO 639-1 code of the language spoken, for ``transcribe`` only.
        languages: ISO 639-1 codes of several languages spoken, for models that accept them.
        keywords: Names and terms that are spoken.
        to: ISO 639-1 code of the language to translate into.
        prompt: Context, or the spelling of names and terms.
        temperature: Sampling temperature, 0 to 1.
        piece_seconds: Target length of pieces in seconds.
        upload_format: ``mp3`` or ``opus`` for a slow line, ``original``, or ``auto``.
        track: Index of the audio track, ``all`` to mix them, or ``default``.
        speakers: ``channels`` or ``tracks`` if each holds one speaker; documents then have the
            metadata ``speaker``. See `ApertisAudio.transcribe`, as for the next two.
        speaker_names: Name for each channel or track.
        channels: Indexes of the channels.
        pauses: ``shorten`` to send no pauses of more than a second; see `ApertisAudio.transcribe`.
        quality: ``mark`` or ``drop`` segments that perhaps nobody said; see there.
        granularity: ``passage`` for whole segments packed to the size below, ``segment`` for one
            document per segment, ``recording`` for one per recording.
        max_seconds: Longest passage, in seconds.
        max_characters: Longest text of a passage.
        overlap: Seconds by which a passage begins before the previous one ends.
        audio: ``clip`` for documents with the audio of their passages, for multimodal answers. It
            is cut from the recording when the blocks of a document are read, and is a note once the
            recording is gone or has changed. For local files only. Defaults to none.
        on_error: ``raise``, or ``skip`` recordings that fail, which are logged and added to
            `failures`. An error that concerns all recordings, such as a wrong key or an outage, is
            always raised.
        show_progress: True for a progress bar on standard error.
        max_cost: Dollars that all recordings of this reader may cost together in this process; see
            `ApertisAudio.transcribe_many`. When it is reached, `BudgetExceededError` is raised
            after the documents of what was finished, with either `on_error`.
        max_audio_seconds: Seconds of audio that may be sent; likewise.
        api_key: API key. Defaults to the ``APERTIS_API_KEY`` environment variable. The other
            settings of `ApertisAudio`, such as ``cache``, are accepted as well.
        client: `ApertisAudio` to use in place of these settings.

    Raises:
        ConfigurationError: If a setting is invalid.
    """

    is_remote: bool = True
    input_dir: PathText | None = None
    root: PathText | None = None
    glob: str = "**/*"
    suffixes: str | list[str] | None = None
    task: Task = "transcribe"
    model: str = AUTO
    language: str | None = None
    languages: list[str] = Field(default_factory=list)
    keywords: list[str] = Field(default_factory=list)
    to: str = "en"
    prompt: str | None = None
    temperature: float | None = None
    piece_seconds: float | None = None
    upload_format: UploadFormat = "auto"
    track: TrackChoice = "default"
    speakers: SpeakerSource | None = None
    speaker_names: Sequence[str] | None = None
    channels: Sequence[int] | None = None
    pauses: Pauses = "keep"
    quality: Quality = "keep"
    granularity: Granularity = "passage"
    max_seconds: float = PASSAGE_SECONDS
    max_characters: int = PASSAGE_CHARACTERS
    overlap: float = 0.0
    audio: Literal["clip"] | None = None
    on_error: OnError = "raise"
    show_progress: bool = False
    _UNRELATED_FIELDS: ClassVar[Collection[str]] = ("max_cost", "max_audio_seconds")
    """These limit the reader, also with a client that others share."""
    _failures: list[Failure] = PrivateAttr(default_factory=list)
    _account: Account = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Reject invalid settings before anything is read."""
        super().model_post_init(context)
        self._account = Account(Limits(self.max_cost, self.max_audio_seconds))
        self._load_options()
        if self.input_dir is not None:
            as_path_list(self.input_dir)

    @classmethod
    def class_name(cls) -> str:
        """Return the name that identifies the class in serialised settings."""
        return "ApertisAudioReader"

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Recordings that were skipped in this process, with the reasons."""
        return tuple(self._failures)

    @property
    def total_usage(self) -> TotalUsage:
        """Usage and cost of all recordings that were read in this process."""
        return self._account.total

    def lazy_load_data(
        self,
        file: ReaderSource | None = None,
        extra_info: Mapping[str, object] | None = None,
        fs: FileSystem | None = None,
        **options: Unpack[CallOptions],
    ) -> Generator[Document]:
        """Yield the documents of recordings, in order, as soon as each recording is transcribed.

        Args:
            file: Recording (a path, bytes, a binary file object, or a pair of name and content),
                folder, or several of these. Defaults to ``input_dir``.
            extra_info: Further metadata of the documents. Lists and mappings become JSON; names
                of facts about the recording, such as ``source``, get the prefix ``extra_``.
            fs: File system of fsspec that holds the paths. Defaults to the local file system.
            options: Settings of the reader for this call: `language`, `model`, `prompt`, `task`.

        Raises:
            RecordingError: If a recording is missing, empty or not audio.
            ConfigurationError: If there is no key, or nothing to read.
            APIError: If the service refused, could not be reached, or sent a malformed response.
        """
        extra = flatten_extra_info(extra_info or {})
        load = self._load_options(**options)
        with LoadTracker(self, load.transcription) as tracker:
            recordings = tracker.track(self._recordings(file, fs))
            outcomes = load.transcribe_each(self.audio_client, recordings, self._account)
            with contextlib.closing(outcomes):
                for recording, outcome in outcomes:
                    yield from self._documents(load, recording, outcome, extra, tracker)

    def load_data(
        self,
        file: ReaderSource | None = None,
        extra_info: Mapping[str, object] | None = None,
        fs: FileSystem | None = None,
        **options: Unpack[CallOptions],
    ) -> list[Document]:
        """Return all documents of recordings; see `lazy_load_data`."""
        return list(self.lazy_load_data(file, extra_info, fs, **options))

    async def aload_data(
        self,
        file: ReaderSource | None = None,
        extra_info: Mapping[str, object] | None = None,
        fs: FileSystem | None = None,
        **options: Unpack[CallOptions],
    ) -> list[Document]:
        """Async version of `load_data`."""
        documents: list[Document] = []
        extra = flatten_extra_info(extra_info or {})
        load = self._load_options(**options)
        with LoadTracker(self, load.transcription) as tracker:
            recordings = tracker.track(self._recordings(file, fs))
            outcomes = load.atranscribe_each(self.audio_client, recordings, self._account)
            async with contextlib.aclosing(outcomes):
                async for recording, outcome in outcomes:
                    documents += self._documents(load, recording, outcome, extra, tracker)
        return documents

    async def alazy_load_data(
        self,
        file: ReaderSource | None = None,
        extra_info: Mapping[str, object] | None = None,
        fs: FileSystem | None = None,
        **options: Unpack[CallOptions],
    ) -> list[Document]:
        """Async version of `load_data`: callers of LlamaIndex iterate over it without awaiting."""
        return await self.aload_data(file, extra_info, fs, **options)

    def list_resources(self) -> list[str]:
        """Return the paths of the recordings in ``input_dir``.

        Raises:
            ConfigurationError: If there is no ``input_dir``.
            RecordingError: If ``input_dir`` does not exist.
        """
        return [str(recording.path) for recording, _ in self._recordings(None, None)]

    def get_resource_info(self, resource_id: str) -> dict[str, str | int | float]:
        """Return the path, the name, the size in bytes and the Unix time of the last change.

        Raises:
            RecordingError: If there is no such file.
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
        """Return the documents of one recording; see `lazy_load_data`."""
        return self.load_data(resource_id)

    async def aload_resource(self, resource_id: str) -> list[Document]:
        """Async version of `load_resource`."""
        return await self.aload_data(resource_id)

    def _load_options(self, **options: Unpack[CallOptions]) -> LoadOptions:
        if unknown := options.keys() - CallOptions.__annotations__.keys():
            settings = ", ".join(CallOptions.__annotations__)
            raise TypeError(f"A call has no setting {min(unknown)!r}, only {settings}.")
        is_translation = options.get("task") == "translate"
        if is_translation and "language" not in options:
            options["language"] = None  # the reader's own is for transcribing
        transcription = TranscriptionOptions(
            task=self.task,
            model=self.model,
            language=self.language,
            languages=self.languages,
            keywords=self.keywords,
            to=self.to,
            prompt=self.prompt,
            temperature=self.temperature,
            piece_seconds=self.piece_seconds,
            upload_format=self.upload_format,
            track=self.track,
            speakers=self.speakers,
            speaker_names=self.speaker_names,
            channels=self.channels,
            pauses=self.pauses,
            quality=self.quality,
        )
        return LoadOptions(
            replace(transcription, **options),
            DocumentOptions(self.granularity, self.max_seconds, self.max_characters, self.overlap),
            self.on_error,
            self.show_progress,
        )

    def _recordings(
        self, file: ReaderSource | None, fs: FileSystem | None
    ) -> Iterator[tuple[LocatedRecording, Source]]:
        sources = self.input_dir if file is None else file
        if sources is None:
            raise ConfigurationError(
                "There is nothing to read: pass a file or folder, or set input_dir."
            )
        search = FolderSearch(self.glob, self.suffixes, self.root)
        for recording, source in locate_recordings(sources, search, fs):
            if self.audio is not None and recording.path is None:
                recording.close()
                raise UnsupportedError(
                    f"{recording.name or source_label(source)} is not a local file, which clips "
                    f"are cut from: copy it to a folder, or leave audio out."
                )
            yield recording, source

    def _documents(
        self,
        load: LoadOptions,
        recording: LocatedRecording,
        outcome: Outcome,
        extra_info: Mapping[str, object],
        tracker: LoadTracker,
    ) -> list[Document]:
        if outcome.error is not None:
            failure = log_failure(recording.name or outcome.label, outcome.error)
            self._failures.append(failure)
            cost = outcome.total_usage.known_cost
            tracker.finish(recording, failure.source, error=str(outcome.error), cost=cost)
            return []
        transcript = outcome.transcript
        parts = load.make_documents(transcript, recording.name)
        clip = None
        if self.audio is not None and recording.path is not None:
            path = real_path(recording.path)
            clip = ClipReference(path, transcript.digest, load.transcription.track)
        if self.granularity == "recording":
            passages = load.documents.pack(transcript)
            documents = [to_recording_document(each, passages, extra_info, clip) for each in parts]
        else:
            documents = to_documents(parts, extra_info, clip)
        tracker.finish(
            recording,
            document_source(recording.name, transcript.digest),
            documents=len(documents),
            duration=transcript.duration,
            usage=transcript.usage,
            cost=outcome.total_usage.known_cost,
        )
        return documents


ALL_READERS[ApertisAudioReader.class_name()] = ApertisAudioReader
"""LlamaIndex loads serialised readers by means of this dictionary."""


def audio_file_extractor(reader: BaseReader, *, also: Iterable[str] = ()) -> dict[str, BaseReader]:
    """Return a ``file_extractor`` for SimpleDirectoryReader with a reader for all recordings.

    Without a reader for a suffix, SimpleDirectoryReader indexes the file as text, audio included.
    It skips files that fail and only prints a message, unless it has ``raise_on_error=True``.

    Args:
        reader: Reader of the recordings, usually an `ApertisAudioReader`.
        also: Further suffixes, such as ``.ts``, which is that of TypeScript as well. Defaults to
            none.
    """
    return dict.fromkeys(sorted({*SUFFIXES, *also}), reader)
