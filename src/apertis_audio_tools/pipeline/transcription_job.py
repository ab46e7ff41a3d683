"""Transcription of one recording: its pieces, their requests, and the joined transcript."""

import contextlib
import functools
import hashlib
import json
import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace

from apertis_audio_tools.api.call import Call
from apertis_audio_tools.api.options import ModelNeed
from apertis_audio_tools.api.transcription import transcription_call
from apertis_audio_tools.audio import Piece, Recording, cut_pieces, shorten_pauses
from apertis_audio_tools.concurrency.permits import Permit
from apertis_audio_tools.models import AUTO, MIN_REQUEST_SECONDS
from apertis_audio_tools.pipeline.cache_entries import Cache
from apertis_audio_tools.pipeline.doubts import are_examined, mark_doubts, treat_doubts
from apertis_audio_tools.pipeline.job_factory import JobFactory
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.pipeline.stitching import (
    TranscribedPiece,
    find_notes,
    find_speaker_notes,
    place,
    stitch,
)
from apertis_audio_tools.pipeline.time_estimates import add_estimated_times
from apertis_audio_tools.results import PartialTranscript, Transcript

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_KEY_VERSION = 4
"""Version of the cache keys: it grows when pieces of the same span become other audio, or when
their responses are read otherwise."""
_DURATION_ERROR = 1.0
"""Seconds by which headers err about the duration of a recording."""


@dataclass(frozen=True, slots=True)
class PieceRequest:
    """A piece that has to be sent, and its call.

    Attributes:
        piece: The piece.
        call: Function that returns the call for the model that was chosen; None if one was named.
        need: Abilities to choose a model by, or None if one was named.
        signal: Number of the channel or track.
    """

    piece: Piece
    call: Callable[[str | None], Call[Transcript]]
    need: ModelNeed | None
    signal: int = 0


@dataclass(frozen=True, slots=True)
class InFlightPiece:
    """A piece under way and the permit it holds; `close` releases both, and may be called again."""

    request: PieceRequest
    permit: Permit

    def close(self) -> None:
        """Close the piece and return the permit."""
        self.request.piece.close()
        self.permit.close()


@dataclass(frozen=True, slots=True)
class TranscriptionJob:
    """One recording, or one of its channels or tracks, to be transcribed.

    Attributes:
        recording: The recording.
        factory: Options of the job.
        digest: SHA-256 of the recording.
        signal: Number of the channel or track among those of the recording; 0 for a whole one.
    """

    recording: Recording
    factory: JobFactory
    digest: str
    signal: int = 0

    @property
    def whole(self) -> "TranscriptionJob":
        """The job itself; see `SpeakersJob`."""
        return self

    @property
    def translates_text(self) -> bool:
        """True if the transcript is translated in place of the recording."""
        return self.factory.options.translates_text

    @property
    def translation_need(self) -> ModelNeed | None:
        """Abilities to choose a model that translates by, or None if that is not asked."""
        options = self.factory.options
        is_open = options.model == AUTO and options.task == "translate"
        return self.factory.need if is_open else None

    def source(self) -> "TranscriptionJob":
        """Return the job of the transcript that is translated."""
        return replace(self, factory=self.factory.as_source())

    def finish_text(self, translated: Transcript) -> Transcript:
        """Keep a translated transcript in the cache, and return it."""
        if cache := self.factory.context.cache:
            cache.put(self._cache_key(), translated)
        return translated

    def for_signal(self, recording: Recording, number: int) -> "TranscriptionJob":
        """Return the job of a channel or track of the recording, whose content is the same."""
        return replace(self, recording=recording, factory=self.factory.for_signals(), signal=number)

    def cached(self) -> Transcript | None:
        """Return the whole transcript if the cache has it."""
        recording = self.recording
        return find_transcript(self.factory, recording.label, self.digest, recording.notes)

    def requests(self, state: JobState) -> Generator[PieceRequest]:
        """Yield the pieces to send, each cut when it is requested; cached ones go to the state."""
        with state.catching_failure(), contextlib.closing(self._pieces()) as pieces:
            for piece in pieces:
                known = self._known(piece)
                if known is not None:
                    self._add(piece, known, state)
                    piece.close()
                    continue
                try:
                    yield self._request(piece)
                except BaseException:  # the caller may not have received it
                    piece.close()
                    raise
                if state.stop.is_set:
                    return

    def store(self, request: PieceRequest, transcript: Transcript, state: JobState) -> None:
        """Add the transcript of a piece to the state and to the cache, with estimated times."""
        transcript = self._keep_piece(add_estimated_times(transcript, request.piece), request.piece)
        self._add(request.piece, transcript, state)

    def finish(self, state: JobState) -> Transcript:
        """Return the whole transcript.

        Raises:
            ApertisError: If a piece failed; ``partial`` has the transcript of the others.
            StoppedError: If the job was stopped before it was whole.
        """
        pieces = self.finished_pieces(state, self._stitch)
        if len(pieces) == 1 and pieces[0].time_map is None:
            only = place(pieces[0])
            return self._finished(self._complete(only, self._find_notes(pieces, only)))
        return self.keep(self._stitch(pieces), pieces, find_speaker_notes(pieces))

    def finished_pieces(
        self, state: JobState, join: Callable[[list[TranscribedPiece]], Transcript]
    ) -> list[TranscribedPiece]:
        """Return all pieces by their start, or raise the error of the job; see `finish`.

        `join` makes a transcript of the pieces that were transcribed before it failed.
        """
        pieces = sorted(state.transcribed, key=lambda each: each.start)
        if state.failure:
            spans = tuple((max(round(each.start, 3), 0.0), round(each.end, 3)) for each in pieces)
            partial = PartialTranscript(transcript=join(pieces), spans=spans) if pieces else None
            state.failure.partial = partial
        state.raise_failure()
        state.require_running()
        return pieces

    def keep(
        self, transcript: Transcript, pieces: Sequence[TranscribedPiece], notes: Sequence[str] = ()
    ) -> Transcript:
        """Return the whole transcript, complete with its notes, after adding it to the cache."""
        whole = self._complete(transcript, (*notes, *self._find_notes(pieces, transcript)))
        if cache := self.factory.context.cache:
            cache.put(self._cache_key(), whole)
        return self._finished(whole)

    def _finished(self, whole: Transcript) -> Transcript:
        """Return a transcript with its doubtful segments as requested."""
        return treat_doubts(whole, self.factory.options.quality)

    def _stitch(self, pieces: Sequence[TranscribedPiece]) -> Transcript:
        is_whole = pieces and pieces[-1].time_map is None
        end = {"duration": round(pieces[-1].end, 3)} if is_whole else {}
        return stitch(pieces, self.empty().model_copy(update=end))

    def _pieces(self) -> Generator[Piece]:
        options, recording = self.factory.options, self.recording
        if options.pauses == "shorten" and recording.voiced is None:
            recording = shorten_pauses(recording)
        if recording.voiced == ():
            return
        yield from cut_pieces(
            recording,
            max_bytes=self.factory.max_bytes,
            max_seconds=self.factory.max_seconds,
            target_seconds=options.piece_seconds,
            upload_format=options.upload_format,
        )

    def _request(self, piece: Piece) -> PieceRequest:
        need = self.factory.need if self.factory.options.model == AUTO else None
        return PieceRequest(piece, functools.partial(self._call, piece), need, self.signal)

    def _call(self, piece: Piece, model: str | None) -> Call[Transcript]:
        return transcription_call(
            piece.upload,
            self.factory.options if model is None else self.factory.options_for(model),
            capabilities=self.factory.context.capabilities,
            source=self.recording.label,
            duration=round(piece.seconds, 3),
            need=self.factory.need,
        )

    def empty(self) -> Transcript:
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
            TranscribedPiece(
                piece.start, piece.end, piece.overlap, transcript, piece.time_map, self.signal
            )
        )
        if len(state.transcribed) > 1 or piece.end < self.recording.end - _DURATION_ERROR:
            state.notifier.notify()

    def _known(self, piece: Piece) -> Transcript | None:
        """Return the transcript of a piece that need not be sent, or None."""
        seconds = piece.seconds
        if seconds < MIN_REQUEST_SECONDS:
            return self.empty().model_copy(update={"duration": round(seconds, 3)})
        cache = self.factory.context.cache
        known = _get_cached(cache, self._cache_key(piece)) if cache else None
        if known is None or not _lacks_marks(self.factory, known):
            return known
        return self._keep_piece(known, piece)

    def _keep_piece(self, transcript: Transcript, piece: Piece) -> Transcript:
        """Return the transcript of a piece, examined if requested, after adding it to the cache."""
        if _lacks_marks(self.factory, transcript):
            transcript = mark_doubts(transcript, piece)
        if cache := self.factory.context.cache:
            cache.put(self._cache_key(piece), transcript)
        return transcript

    def _find_notes(self, pieces: Sequence[TranscribedPiece], whole: Transcript) -> list[str]:
        return find_notes(pieces, whole, self.recording.claimed_end)

    def _complete(self, transcript: Transcript, notes: Sequence[str]) -> Transcript:
        """Return the transcript with this recording's name, digest and notes; log the notes."""
        notes = (*self.recording.noticed, *notes)
        return _complete(transcript, self.recording.label, self.digest, notes)

    def _cache_key(self, piece: Piece | None = None) -> str:
        """Return the cache key of a piece or of the whole."""
        if piece is None:
            return _whole_key(self.factory, self.digest)
        time_map = piece.time_map
        return _key(
            self.factory,
            self.digest,
            [round(piece.start, 4), round(piece.end, 4)],
            signal=time_map and [self.recording.tracks, time_map],
            pauses="keep",  # a piece has a time map
        )


def find_transcript(
    factory: JobFactory, label: str, digest: str, notes: Sequence[str] = ()
) -> Transcript | None:
    """Return the whole transcript of a recording if the cache has it.

    `notes` are those of the recording, which the transcript may have as well.
    """
    cache = factory.context.cache
    cached = _get_cached(cache, _whole_key(factory, digest)) if cache else None
    if cached is None or _lacks_marks(factory, cached):  # its pieces are cached, and can be heard
        return None
    complete = _complete(cached, label, digest, (*notes, *cached.notes))
    return treat_doubts(complete, factory.options.quality)


def _get_cached(cache: Cache, key: str) -> Transcript | None:
    """Return a cached transcript without its earlier usage."""
    cached = cache.get(key)
    return cached and cached.model_copy(update={"usage": None})


def _lacks_marks(factory: JobFactory, transcript: Transcript) -> bool:
    """Return whether the segments still have to be examined."""
    return factory.options.quality != "keep" and not are_examined(transcript)


def _complete(transcript: Transcript, label: str, digest: str, notes: Sequence[str]) -> Transcript:
    """Return a transcript with the name, digest and notes of its recording; log the notes."""
    notes = tuple(dict.fromkeys(notes))
    for note in notes:
        logger.warning("%s: %s", label, note)
    return transcript.model_copy(update={"source": label, "digest": digest, "notes": notes})


def _whole_key(factory: JobFactory, digest: str) -> str:
    return _key(factory, digest, None, signal=None, pauses=factory.options.pauses)


def _key(
    factory: JobFactory, digest: str, span: list[float] | None, *, signal: object, pauses: str
) -> str:
    """Return the cache key of a part of a recording, or of all of it."""
    settings = {
        **asdict(factory.options),
        "signal": signal,
        "pauses": pauses,
        "quality": "keep",  # each segment says whether it was examined
        "max_bytes": factory.max_bytes,
        "max_seconds": factory.max_seconds,
        "base_url": factory.context.base_url,
    }
    text = json.dumps([_KEY_VERSION, digest, settings, span], sort_keys=True, default=asdict)
    return hashlib.sha256(text.encode()).hexdigest()
