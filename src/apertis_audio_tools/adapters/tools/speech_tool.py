"""The tool that speaks."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from apertis_audio_tools.adapters.tools.arguments import SpeakArguments, ToolArguments
from apertis_audio_tools.adapters.tools.tool import AudioTool, ToolPlan, ToolResult
from apertis_audio_tools.api.options import SpeechOptions
from apertis_audio_tools.client import ApertisAudio
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.models import AUTO, VOICE, SpeechFormat
from apertis_audio_tools.pipeline.accounts import Account
from apertis_audio_tools.results import SpeechFile


class SpeakTool(AudioTool):
    """Speaks a text into a new audio file."""

    name = "speak_text"
    description = (
        "Speak a text into a new audio file, and return the name of the file. Use it only when "
        "spoken audio is needed."
    )
    arguments: ClassVar[type[ToolArguments]] = SpeakArguments

    def __init__(
        self,
        client: ApertisAudio,
        access: FileAccess,
        *,
        model: str = AUTO,
        voice: str = VOICE,
        response_format: SpeechFormat = "mp3",
        speed: float | None = None,
        instructions: str | None = None,
    ) -> None:
        super().__init__(client, access)
        self._options = SpeechOptions(
            model=model,
            voice=voice,
            response_format=response_format,
            speed=speed,
            instructions=instructions,
        )

    @contextlib.contextmanager
    def _plan(self, arguments: Mapping[str, object]) -> Iterator[ToolPlan[SpeechFile]]:
        args = self._validate(SpeakArguments, arguments)
        options = replace(self._options, voice=args.voice or self._options.voice)
        with self._access.writing(f".{options.response_format}") as new:
            account = Account()
            arguments_of_call = (args.text, new, options, account)
            yield ToolPlan(
                functools.partial(self._client.save_speech_with, *arguments_of_call),
                functools.partial(self._client.asave_speech_with, *arguments_of_call),
                functools.partial(_report_speech, args.text, account),
            )


def _report_speech(text: str, account: Account, speech: SpeechFile) -> ToolResult:
    name = speech.path.replace("\\", "/").rpartition("/")[2]
    artifact = {
        "path": speech.path,
        "media_type": speech.media_type,
        "duration": speech.duration,
        "size": speech.size,
        "transcript": text,
        "usage": None,
        "cost": account.total.known_cost,
    }
    summary = f"Spoken into the file {name} ({speech.duration:.1f} s, {speech.media_type})."
    return ToolResult(summary, artifact)
