"""Transcription of one recording: its pieces, their requests, and the joined transcript."""

import contextlib
import hashlib
import io
import json
import logging
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field, replace

from apertis_audio_tools.api.call import Call
from apertis_audio_tools.api.options import ModelNeed, TranscriptionOptions
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.api.transcription import check_terms, transcription_call
from apertis_audio_tools.audio import Piece, Recording, Source, cut_pieces, probe
from apertis_audio_tools.concurrency.permits import Permit
from apertis_audio_tools.errors import NotFoundError
from apertis_audio_tools.models import (
    AUTO,
    DURATION_MARGIN,
    MAX_REQUEST_SECONDS,
    MAX_UPLOAD_BYTES,
    MIN_REQUEST_SECONDS,
    Capabilities,
    require_piece_options,
    require_track_choice,
)
from apertis_audio_tools.pipeline.cache import TranscriptCache
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.stitching import TranscribedPiece, find_notes, place, stitch
from apertis_audio_tools.pipeline.time_estimates import add_estimated_times
from apertis_audio_tools.results import PartialTranscript, Transcript

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_KEY_VERSION = 3
"""Version of the cache keys: it grows when pieces of the same span become other audio, or when
their responses are read otherwise."""
_DURATION_ERROR = 1.0
"""Seconds by which headers err about the duration of a recording."""
_FILE_NAME_BYTES = 1024
"""Bytes of a request that are left for the file name."""


@dataclass(frozen=True, slots=True)
class InFlightPiece:
    """A piece under way and the permit it holds; `close` releases both, and may be called again."""

    piece: Piece
    permit: Permit

    def close(self) -> None:
        """Close the piece and return the permit."""
        self.piece.close()
        self.permit.close()


@dataclass(frozen=True, slots=True)
class JobContext:
    """Values that all transcription jobs of a client share."""

    capabilities: Capabilities
    cache: TranscriptCache | None
    base_url: str
    isolate_probe: bool = False


@dataclass(frozen=True, slots=True)
class JobFactory:
    """Maker of transcription jobs with the same options, whose response format is decided.

    Attributes:
        need: Abilities that were asked for.
        max_bytes: Largest upload of a request, in bytes.
        max_seconds: Longest piece in seconds, or None if only `piece_seconds` limits it.
    """

    options: TranscriptionOptions
    need: ModelNeed
    context: JobContext
    max_bytes: int
    max_seconds: float | None

    @classmethod
    def create(cls, options: TranscriptionOptions, context: JobContext) -> "JobFactory":
        """Check the options before any recording is opened, and return the maker of jobs."""
        require_piece_options(options.piece_seconds, options.upload_format)
        require_track_choice(options.track)
        capabilities = context.capabilities
        need = options.need
        sent = options.as_transcription() if options.translates_text else options
        if options.model != AUTO:
            best = capabilities.best_transcript_format(sent.model, sent.task)
            options = replace(options, response_format=options.response_format or best)
        # A request without audio shows how much of a request is left for audio.
        empty = Upload("piece.webm", "audio/webm", 0, io.BytesIO)
        check_terms(options)
        call = transcription_call(empty, sent, capabilities=capabilities, source="")
        frame_bytes = call.request.body.size if call.request.body else 0
        return cls(
            options,
            need,
            context,
            max_bytes=MAX_UPLOAD_BYTES - frame_bytes - _FILE_NAME_BYTES,
            max_seconds=_max_seconds(options, capabilities),
        )

    def job(self, source: Source) -> "TranscriptionJob":
        """Return the job of one recording."""
        recording = probe(source, track=self.options.track, isolate=self.context.isolate_probe)
        return TranscriptionJob(recording, self)


def _max_seconds(options: TranscriptionOptions, capabilities: Capabilities) -> float | None:
    """Return the longest piece that the model accepts, and by default no long request."""
    longest = capabilities.max_seconds(options.model)
    accepted = longest and longest * DURATION_MARGIN
    if options.piece_seconds is not None:
        return accepted
    return min(accepted or MAX_REQUEST_SECONDS, MAX_REQUEST_SECONDS)


@dataclass(frozen=True, slots=True)
class TranscriptionJob:
    """One recording to be transcribed."""

    recording: Recording
    factory: JobFactory
    _digests: list[str] = field(default_factory=list, repr=False)

    @property
    def need(self) -> ModelNeed | None:
        """Abilities to choose a model by, or None if one was named."""
        return self.factory.need if self.factory.options.model == AUTO else None

    @property
    def translates_text(self) -> bool:
        """True if the transcript is translated in place of the recording."""
        return self.factory.options.translates_text

    def may_translate_text(self, error: NotFoundError) -> bool:
        """Return whether the endpoint for translations is gone, and no model was named."""
        need = self.need
        is_translation = need is not None and need.operation == "translate"
        return is_translation and error.status is not None and error.code != "model_not_found"

    def source(self) -> "TranscriptionJob":
        """Return the job of the transcript that is translated."""
        options = self.factory.options.as_transcription()
        return replace(self, factory=JobFactory.create(options, self.factory.context))

    def finish_text(self, translated: Transcript) -> Transcript:
        """Keep a translated transcript in the cache, and return it."""
        if cache := self.factory.context.cache:
            cache.put(self._cache_key(), translated)
        return translated

    def cached(self) -> Transcript | None:
        """Return the whole transcript if the cache has it."""
        self._digest()  # later the recording may be gone, and what was paid for with it
        cached = self._get_cached()
        return cached and self._complete(cached, cached.notes)

    def pieces(self, state: JobState) -> Generator[Piece]:
        """Yield the pieces to send, each cut when it is requested; cached ones go to the state."""
        with state.catching_failure(), contextlib.closing(self._cut()) as pieces:
            for piece in pieces:
                known = self._known(piece)
                if known is not None:
                    self._add(piece, known, state)
                    piece.close()
                    continue
                try:
                    yield piece
                except BaseException:  # the caller may not have received it
                    piece.close()
                    raise
                if state.stop.is_set:
                    return

    def store(self, piece: Piece, transcript: Transcript, state: JobState) -> None:
        """Add the transcript of a piece to the state and to the cache, with estimated times."""
        transcript = add_estimated_times(transcript, piece)
        if cache := self.factory.context.cache:
            cache.put(self._cache_key(piece), transcript)
        self._add(piece, transcript, state)

    def finish(self, state: JobState) -> Transcript:
        """Return the whole transcript.

        Raises:
            ApertisError: If a piece failed; ``partial`` has the transcript of the others.
            StoppedError: If the job was stopped before it was whole.
        """
        pieces = sorted(state.transcribed, key=lambda each: each.start)
        if state.failure:
            state.failure.partial = self._partial(pieces) if pieces else None
        state.raise_failure()
        state.require_running()
        if len(pieces) == 1:
            only = place(pieces[0])
            return self._complete(only, find_notes(pieces, only))
        end = {"duration": round(pieces[-1].end, 3)} if pieces else {}
        stitched = stitch(pieces, self._empty().model_copy(update=end))
        whole = self._complete(stitched, find_notes(pieces, stitched))
        if cache := self.factory.context.cache:
            cache.put(self._cache_key(), whole)
        return whole

    def _cut(self) -> Generator[Piece]:
        options = self.factory.options
        return cut_pieces(
            self.recording,
            max_bytes=self.factory.max_bytes,
            max_seconds=self.factory.max_seconds,
            target_seconds=options.piece_seconds,
            upload_format=options.upload_format,
        )

    def call(self, piece: Piece, model: str | None = None) -> Call[Transcript]:
        """Return the call of a piece, with the model that was chosen if none was named."""
        options = self.factory.options
        return transcription_call(
            piece.upload,
            replace(options, model=model) if model else options,
            capabilities=self.factory.context.capabilities,
            source=self.recording.label,
            duration=round(piece.end - piece.start, 3),
            need=self.factory.need,
        )

    def _empty(self) -> Transcript:
        """Return a transcript of the recording without its text."""
        options = self.factory.options
        return Transcript(
            text="",
            task=options.task,
            model="" if options.model == AUTO else options.model,
            language=options.language,
            source=self.recording.label,
            duration=self.recording.end,
        )

    def _add(self, piece: Piece, transcript: Transcript, state: JobState) -> None:
        state.transcribed.append(
            TranscribedPiece(piece.start, piece.end, piece.overlap, transcript)
        )
        if len(state.transcribed) > 1 or piece.end < self.recording.end - _DURATION_ERROR:
            state.notifier.notify()

    def _known(self, piece: Piece) -> Transcript | None:
        """Return the transcript of a piece that need not be sent, or None."""
        seconds = piece.end - piece.start
        if seconds < MIN_REQUEST_SECONDS:
            return self._empty().model_copy(update={"duration": round(seconds, 3)})
        return self._get_cached(piece)

    def _get_cached(self, piece: Piece | None = None) -> Transcript | None:
        """Return the cached transcript of a piece or of the whole, without its earlier usage."""
        cache = self.factory.context.cache
        cached = cache.get(self._cache_key(piece)) if cache else None
        return cached and cached.model_copy(update={"usage": None})

    def _complete(self, transcript: Transcript, notes: Sequence[str]) -> Transcript:
        """Return the transcript with this recording's name, digest and notes; log the notes."""
        notes = tuple(dict.fromkeys((*self.recording.notes, *notes)))
        for note in notes:
            logger.warning("%s: %s", self.recording.label, note)
        update = {"source": self.recording.label, "digest": self._digest(), "notes": notes}
        return transcript.model_copy(update=update)

    def _partial(self, pieces: list[TranscribedPiece]) -> PartialTranscript:
        spans = tuple((max(round(each.start, 3), 0.0), round(each.end, 3)) for each in pieces)
        return PartialTranscript(transcript=stitch(pieces, self._empty()), spans=spans)

    def _cache_key(self, piece: Piece | None = None) -> str:
        """Return the cache key of a piece or of the whole."""
        span = None if piece is None else [round(piece.start, 4), round(piece.end, 4)]
        settings = {
            **asdict(self.factory.options),
            "max_bytes": self.factory.max_bytes,
            "max_seconds": self.factory.max_seconds,
            "base_url": self.factory.context.base_url,
        }
        key = json.dumps([_KEY_VERSION, self._digest(), settings, span], sort_keys=True)
        return hashlib.sha256(key.encode()).hexdigest()

    def _digest(self) -> str:
        """Return the SHA-256 of the recording, which is read once."""
        if not self._digests:
            self._digests.append(self.recording.digest())
        return self._digests[0]
