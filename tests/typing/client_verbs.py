"""Type checks of the client's verbs: read by mypy and pyright, never run."""

from typing import assert_type

from apertis_audio_tools import (
    ApertisAudio,
    ApertisError,
    APIError,
    ChatDelta,
    ChatReply,
    Outcome,
    PartialTranscript,
    Passage,
    Progress,
    Speech,
    SpeechFile,
    Transcript,
)


def sync_verbs(audio: ApertisAudio) -> None:
    """Check the result of every sync verb."""
    assert_type(audio.transcribe("a.mp3"), Transcript)
    assert_type(audio.translate(("a.mp3", b"")), Transcript)
    assert_type(audio.speak("Hello."), Speech)
    assert_type(audio.save_speech("Hello.", "a.mp3"), SpeechFile)
    assert_type(audio.chat("What is this?", audio=b""), ChatReply)
    assert_type(audio.models(), tuple[str, ...])
    for outcome in audio.transcribe_many(["a.mp3", b"", ("b.mp3", b"")], on_error="skip"):
        assert_type(outcome, Outcome)
    for outcome in audio.translate_many(iter(["a.mp3"]), in_order=False, progress=True):
        assert_type(outcome.transcript, Transcript)
    for chunk in audio.stream_speech("Hello.", response_format="pcm"):
        assert_type(chunk, bytes)
    for delta in audio.stream_chat([{"role": "user", "content": "Hello."}]):
        assert_type(delta, ChatDelta)


async def async_verbs(audio: ApertisAudio) -> None:
    """Check the result of every async verb."""
    assert_type(await audio.atranscribe("a.mp3"), Transcript)
    assert_type(await audio.atranslate(("a.mp3", b"")), Transcript)
    assert_type(await audio.aspeak("Hello."), Speech)
    assert_type(await audio.asave_speech("Hello.", "a.mp3"), SpeechFile)
    assert_type(await audio.achat("What is this?", audio=b""), ChatReply)
    assert_type(await audio.amodels(), tuple[str, ...])
    async for outcome in audio.atranscribe_many(["a.mp3", b""], on_error="skip"):
        assert_type(outcome, Outcome)
    async for outcome in audio.atranslate_many(["a.mp3"], in_order=False, progress=True):
        assert_type(outcome.transcript, Transcript)
    async for chunk in audio.astream_speech("Hello.", response_format="pcm"):
        assert_type(chunk, bytes)
    async for delta in audio.astream_chat([{"role": "user", "content": "Hello."}]):
        assert_type(delta, ChatDelta)


async def context_managers() -> None:
    """Check that both kinds of context manager return the client."""
    with ApertisAudio("sk-key-1", cache="transcripts") as audio:
        assert_type(audio, ApertisAudio)
    async with ApertisAudio(max_concurrency=4) as audio:
        assert_type(audio, ApertisAudio)


def errors(error: APIError, outcome: Outcome) -> None:
    """Check the attributes of errors."""
    assert_type(error.partial, PartialTranscript | None)
    if error.partial:
        assert_type(error.partial.transcript, Transcript)
        assert_type(error.partial.spans, tuple[tuple[float, float], ...])
    assert_type(error.status, int | None)
    assert_type(error.retry_after, float | None)
    assert_type(outcome.error, ApertisError | None)


def transcripts(transcript: Transcript) -> None:
    """Check the forms of a transcript."""
    assert_type(transcript.passages(max_seconds=30, overlap=2.0), tuple[Passage, ...])
    assert_type(transcript.to_timecoded(), str)
    assert_type(transcript.to_srt(), str)


def report(progress: Progress) -> None:
    """Accept the progress of a batch."""
    assert_type(progress.done, int)


def accepted_arguments(audio: ApertisAudio) -> None:
    """Check that documented arguments are accepted."""
    audio.transcribe(
        b"",
        model="whisper-1",
        language="en",
        prompt="Names: Ada.",
        response_format="verbose_json",
        temperature=0.0,
        piece_seconds=600,
        upload_format="opus",
        track="all",
    )
    audio.transcribe_many([b""], progress=report)
    audio.chat("Hello.", voice="nova", audio_format="mp3", seed=1, extra={"store": False})
    audio.speak("Hello.", voice="nova", speed=1.5, instructions="Slowly.")
    audio.save_speech("Hello.", "a.mp3", overwrite=True)


def refused_arguments(audio: ApertisAudio) -> None:
    """Check that misspelled names and impossible values are errors."""
    audio.transcribe("a.mp3", langauge="en")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    audio.transcribe("a.mp3", "whisper-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    audio.transcribe("a.mp3", upload_format="wav")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    audio.translate("a.mp3", language="en")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    audio.transcribe_many([b""], on_error="collect")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    audio.speak("Hello.", response_format="ogg")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    audio.chat("Hello.", temprature=1.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ApertisAudio(api_kye="sk-key-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def refused_async_arguments(audio: ApertisAudio) -> None:
    """Check that the async verbs refuse the same arguments."""
    await audio.atranscribe("a.mp3", langauge="en")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await audio.achat("Hello.", temprature=1.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
