"""Verbs that turn text into speech."""

import contextlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from apertis_audio_tools.api.options import SpeechOptions
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.files.atomic import AtomicFile
from apertis_audio_tools.models import AUTO, VOICE, SpeechFormat
from apertis_audio_tools.pipeline.accounts import Account
from apertis_audio_tools.pipeline.worker_pool import run_in_thread
from apertis_audio_tools.results import Speech, SpeechFile

if TYPE_CHECKING:
    from apertis_audio_tools.client.runners import Runners
    from apertis_audio_tools.pipeline.job_factory import JobContext
    from apertis_audio_tools.pipeline.model_directory import ModelDirectory
    from apertis_audio_tools.pipeline.speech_job import SpeechFileJob, SpeechJob, SpokenTextJob

SpokenText = str | Iterable[str] | AsyncIterable[str]
"""A text, or its pieces; asynchronous ones are for async verbs only."""

_SUFFIX_FORMATS: dict[str, SpeechFormat] = {
    ".mp3": "mp3",
    ".opus": "opus",
    ".ogg": "opus",
    ".aac": "aac",
    ".flac": "flac",
    ".wav": "wav",
    ".pcm": "pcm",
}


class SpeechVerbs:
    """`speak`, `stream_speech` and `save_speech`, sync and async."""

    _context: "JobContext"
    _models: "ModelDirectory"
    _runners: "Runners"

    def speak(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = AUTO,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Speech:
        """Speak a text of any length.

        A text of more than 4096 characters (Unicode code points, as Python and the service count)
        is split at ends of sentences, spoken several parts at a time, and joined. Between parts of
        mp3, aac and opus, which are joined without re-encoding, there are some 50 ms (opus: 15 ms)
        more of silence; flac, wav and pcm are the same samples.

        Args:
            text: Text of any length. Parts of a long one that are only punctuation are left out.
            voice: alloy, echo, fable, onyx, nova or shimmer; some models have others.
            model: Speech model. Defaults to ``auto``, the best one the key has.
            response_format: mp3, opus, aac, flac, wav, or pcm: headerless, 24 kHz mono, signed
                16-bit little-endian. Defaults to mp3.
            speed: 0.25 to 4. Defaults to the service's 1.
            instructions: Tone, accent and pace, for models that follow them.

        Raises:
            UnsupportedError: If the service is known to refuse it; nothing was sent.
            APIError: If the service refused, could not be reached, or sent a malformed response.
                For a long text the message says which part it was; nothing was sent after it.
        """
        options = SpeechOptions(
            voice=voice,
            model=model,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
        )
        return self.speak_with(text, options)

    async def aspeak(
        self,
        text: str,
        *,
        voice: str = VOICE,
        model: str = AUTO,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Speech:
        """Async version of `speak`."""
        options = SpeechOptions(
            voice=voice,
            model=model,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
        )
        return await self.aspeak_with(text, options)

    def stream_speech(
        self,
        text: SpokenText,
        *,
        voice: str = VOICE,
        model: str = AUTO,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> Iterator[bytes]:
        """Return an iterator over the bytes of a spoken text, as they arrive.

        See `speak` for arguments and errors. A text of more than 4096 characters comes as one
        stream: its first sentences arrive while later ones are being made, and no more than a few
        minutes are made ahead of what has been read. A player gets mp3 and aac frame after frame,
        opus as one logical Ogg stream, flac as one stream whose header leaves the length open, wav
        with the sizes of a stream (0xFFFFFFFF) in its only header, and pcm as samples.

        A text may also be an iterator of pieces, such as the words of a chat model as they come: it
        is spoken sentence by sentence, while the next ones are being written.

        Once the first bytes have arrived, a broken connection raises `APIConnectionError`: what
        was passed on cannot be taken back. Later parts of a long text are retried. Closing the
        iterator ends everything that is under way.
        """
        options = SpeechOptions(
            voice=voice,
            model=model,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
        )
        if not isinstance(text, str):
            if not isinstance(text, Iterable):
                raise UnsupportedError(
                    f"A text is a str or an iterator of str, not {type(text).__name__}."
                )
            return self._runners.spoken_texts.stream(
                text, self._text_job(self._speech_options(options))
            )
        return self._runners.speech.stream(
            self._job(text, self._speech_options(options, text), stream=True)
        )

    async def astream_speech(
        self,
        text: SpokenText,
        *,
        voice: str = VOICE,
        model: str = AUTO,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> AsyncIterator[bytes]:
        """Async version of `stream_speech`: an asynchronous generator."""
        options = SpeechOptions(
            voice=voice,
            model=model,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
        )
        if isinstance(text, str):
            options = await self._aspeech_options(options, text)
            job = await run_in_thread(self._job, text, options, stream=True)
            stream = self._runners.speech.astream(job)
        else:
            options = await self._aspeech_options(options)
            stream = self._runners.spoken_texts.astream(text, self._text_job(options))
        async with contextlib.aclosing(stream) as chunks:
            async for chunk in chunks:
                yield chunk

    def save_speech(
        self,
        text: str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        voice: str = VOICE,
        model: str = AUTO,
        response_format: SpeechFormat | None = None,
        speed: float | None = None,
        instructions: str | None = None,
    ) -> SpeechFile:
        """Write a spoken text to a file, which appears when it is complete, or not at all.

        Parts of a long text go to the file one after the other; memory holds only those that are
        under way or wait for their turn, as many as the client's `max_concurrency`. A wav of more
        than 4 GiB, which is a day, has the sizes of a stream.

        Args:
            text: Text of any length; see `speak`.
            path: Path of the file.
            overwrite: Whether an existing file is replaced. Defaults to False.
            voice: Voice; see `speak`.
            model: Speech model. Defaults to ``auto``, the best one the key has.
            response_format: Audio format. Defaults to the one that the suffix of `path` names.
            speed: 0.25 to 4. Defaults to the service's 1.
            instructions: Tone, accent and pace, for models that follow them.

        Raises:
            OutputError: If the file exists or cannot be written; nothing was sent.
            UnsupportedError: If the service is known to refuse it; nothing was sent.
            APIError: If the service failed; see `speak`.
        """
        options = SpeechOptions(
            voice=voice,
            model=model,
            response_format=response_format or _format_of(path),
            speed=speed,
            instructions=instructions,
        )
        return self.save_speech_with(text, path, options, overwrite=overwrite)

    async def asave_speech(
        self,
        text: str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        voice: str = VOICE,
        model: str = AUTO,
        response_format: SpeechFormat | None = None,
        speed: float | None = None,
        instructions: str | None = None,
    ) -> SpeechFile:
        """Async version of `save_speech`."""
        options = SpeechOptions(
            voice=voice,
            model=model,
            response_format=response_format or _format_of(path),
            speed=speed,
            instructions=instructions,
        )
        return await self.asave_speech_with(text, path, options, overwrite=overwrite)

    def speak_with(self, text: str, options: SpeechOptions) -> Speech:
        """Speak a text, with options decided at run time."""
        return self._runners.speech.run(self._job(text, self._speech_options(options, text)))

    async def aspeak_with(self, text: str, options: SpeechOptions) -> Speech:
        """Async version of `speak_with`. A thread splits the text."""
        options = await self._aspeech_options(options, text)
        return await self._runners.speech.arun(await run_in_thread(self._job, text, options))

    def save_speech_with(
        self,
        text: str,
        path: str | os.PathLike[str],
        options: SpeechOptions,
        account: Account | None = None,
        *,
        overwrite: bool = False,
    ) -> SpeechFile:
        """Write a spoken text to a file, with options decided at run time.

        It is charged to the account too, whose limits it keeps.
        """
        if options.model == AUTO:
            _require_writable(path, overwrite=overwrite)
        job = self._job(text, self._speech_options(options, text))
        return self._runners.speech.save(_file_job(job, account, path, overwrite=overwrite))

    async def asave_speech_with(
        self,
        text: str,
        path: str | os.PathLike[str],
        options: SpeechOptions,
        account: Account | None = None,
        *,
        overwrite: bool = False,
    ) -> SpeechFile:
        """Async version of `save_speech_with`. A thread splits the text."""
        if options.model == AUTO:
            await run_in_thread(_require_writable, path, overwrite=overwrite)
        options = await self._aspeech_options(options, text)
        job = await run_in_thread(self._job, text, options)
        return await self._runners.speech.asave(_file_job(job, account, path, overwrite=overwrite))

    def _speech_options(self, options: SpeechOptions, text: str = "a") -> SpeechOptions:
        """Return the options with a model; nothing is asked if no model can speak the text."""
        from apertis_audio_tools.api.speech import check_speech

        if options.model != AUTO:
            return options
        check_speech(text, options)
        return self._with_model(options, self._models.choose(options.need))

    async def _aspeech_options(self, options: SpeechOptions, text: str = "a") -> SpeechOptions:
        """Async version of `_speech_options`."""
        from apertis_audio_tools.api.speech import check_speech

        if options.model != AUTO:
            return options
        check_speech(text, options)
        return self._with_model(options, await self._models.achoose(options.need))

    def _with_model(self, options: SpeechOptions, model: str) -> SpeechOptions:
        from apertis_audio_tools.api.speech import use_model

        return use_model(options, model, self._context.capabilities)

    def _job(self, text: str, options: SpeechOptions, *, stream: bool = False) -> "SpeechJob":
        from apertis_audio_tools.pipeline.speech_job import SpeechJob

        return SpeechJob.create(text, options, self._context.capabilities, stream=stream)

    def _text_job(self, options: SpeechOptions) -> "SpokenTextJob":
        from apertis_audio_tools.pipeline.speech_job import SpokenTextJob

        return SpokenTextJob(options, self._context.capabilities)


def _file_job(
    job: "SpeechJob", account: Account | None, path: str | os.PathLike[str], *, overwrite: bool
) -> "SpeechFileJob":
    from apertis_audio_tools.pipeline.speech_job import SpeechFileJob

    return SpeechFileJob(replace(job, account=account), path, overwrite)


def _require_writable(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise `OutputError` for a path that cannot be written, before the models are asked for."""
    AtomicFile.create(path, overwrite=overwrite).discard()


def _format_of(path: str | os.PathLike[str]) -> SpeechFormat:
    """Return the audio format that the suffix of a file name stands for."""
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIX_FORMATS:
        raise UnsupportedError(
            f"The suffix of {Path(path).name!r} does not name an audio format; "
            f"{', '.join(_SUFFIX_FORMATS)} do."
        )
    return _SUFFIX_FORMATS[suffix]
