"""Progress of a tool that reads a long recording."""

import contextlib
from collections.abc import Callable
from typing import TypedDict

from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.audio import Source
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.pipeline.accounts import Account
from apertis_audio_tools.pipeline.progress import Progress
from apertis_audio_tools.results import Transcript


class ToolProgress(TypedDict):
    """Event of a tool that is at work.

    `seconds` of a recording of `duration` seconds are transcribed.
    """

    tool: str
    path: str
    seconds: float
    duration: float


ReportProgress = Callable[[ToolProgress], object]
"""Function that is called when a recording is opened, and after each of its pieces."""


class ReportedTranscription:
    """A transcription of one recording that reports its progress.

    Args:
        client: Client that sends the requests.
        source: Recording.
        options: Options of the transcription.
        tool: Name of the tool.
        path: Path of the recording, as the model wrote it.
        report: Function that is called with the progress.
        account: Account that is charged.
    """

    def __init__(
        self,
        client: ApertisAudio,
        source: Source,
        options: TranscriptionOptions,
        *,
        tool: str,
        path: str,
        report: ReportProgress,
        account: Account,
    ) -> None:
        from apertis_audio_tools.audio import probe

        self._client = client
        self._source = source
        self._options = options
        self._report = report
        self._account = account
        with probe(source) as recording:
            duration = round(recording.duration, 1)
        self._event = ToolProgress(tool=tool, path=path, seconds=0.0, duration=duration)

    def run(self) -> Transcript:
        """Return the transcript."""
        self._report(self._event)
        outcomes = self._client.transcribe_many_with(
            [self._source],
            self._options,
            self._account,
            on_error="skip",
            progress=self._progressed,
        )
        with contextlib.closing(outcomes):
            return next(outcomes).transcript

    async def arun(self) -> Transcript:
        """Async version of `run`."""
        self._report(self._event)
        outcomes = self._client.atranscribe_many_with(
            [self._source],
            self._options,
            self._account,
            on_error="skip",
            progress=self._progressed,
        )
        async with contextlib.aclosing(outcomes):
            return (await anext(outcomes)).transcript

    def _progressed(self, progress: Progress) -> None:
        if not progress.failed:
            self._report({**self._event, "seconds": round(progress.seconds, 1)})
