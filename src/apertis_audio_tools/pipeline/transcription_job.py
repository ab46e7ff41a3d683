"""One recording on its way to one transcript: pieces, what is asked of each, what came of it."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from apertis_audio_tools.api import Call
from apertis_audio_tools.audio import Piece, Recording
from apertis_audio_tools.concurrency.permits import Permit
from apertis_audio_tools.concurrency.signals import Notifier, StopEvent
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.pipeline.cache import TranscriptCache
from apertis_audio_tools.pipeline.stitching import TranscribedPiece, stitch
from apertis_audio_tools.pipeline.tracebacks import drop_traceback
from apertis_audio_tools.results import PartialTranscript, Transcript

_KEY_VERSION = 1
"""Grows when pieces of the same span would not be the same sound any more."""
_ROUGHLY = 1.0
"""Seconds by which headers err about the duration of a recording."""


class StoppedError(ApertisError):
    """Not sent, because another piece or another recording had failed."""


@dataclass(frozen=True, slots=True)
class PieceRequest:
    """A piece that has to be sent, and how."""

    piece: Piece
    call: Call[Transcript]


@dataclass(frozen=True, slots=True)
class InFlightPiece:
    """A step under way, and the room it takes; both are given back when it is closed."""

    step: PieceRequest
    slot: Permit

    def close(self) -> None:
        """A second time changes nothing."""
        self.step.piece.close()
        self.slot.close()


@dataclass(slots=True)
class JobState:
    """What has come of the pieces of a job so far.

    Attributes:
        parts: The pieces that are transcribed.
        failure: The first error.
        halt: Whether nothing more is to be sent; wakes those who wait to send again.
        bell: Rings for each piece but an only one.
    """

    parts: list[TranscribedPiece] = field(default_factory=list)
    failure: ApertisError | None = None
    halt: StopEvent = field(default_factory=StopEvent)
    bell: Notifier = field(default_factory=Notifier)

    @property
    def seconds(self) -> float:
        """Of sound that are transcribed."""
        return sum(part.end - part.start - part.overlap for part in tuple(self.parts))

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Note an error of ours at once, for all others to see; errors of others go on.

        It loses the frames it passed, which hold the client, the recording, this tally and itself.
        """
        try:
            yield
        except ApertisError as error:
            drop_traceback(error)
            if not isinstance(error, StoppedError):
                self.failure = self.failure or error
                self.halt.set()

    def take_failure(self) -> ApertisError | None:
        """The first error, which from then on is not kept here."""
        failure, self.failure = self.failure, None
        return failure

    def require_going(self) -> None:
        """Fail once something has failed, so that nothing more is paid for.

        Raises:
            StoppedError: Something has, or everything was interrupted.
        """
        if self.halt.is_set:
            raise StoppedError("Given up, because something else had failed.")


@dataclass(frozen=True, slots=True)
class TranscriptionJob:
    """A recording to be transcribed.

    Attributes:
        recording: The recording.
        pieces: Cuts it.
        ask: The call for a piece.
        about: The transcript to be, without its text.
        cache: Where finished pieces are kept.
        question: What identifies the answer, besides the sound.
    """

    recording: Recording
    pieces: Callable[[], Generator[Piece]]
    ask: Callable[[Piece], Call[Transcript]]
    about: Transcript
    cache: TranscriptCache | None
    question: Mapping[str, Any]
    _digests: list[str] = field(default_factory=list, repr=False)

    def known(self) -> Transcript | None:
        """The whole transcript, if it is kept."""
        self._digest()  # later the recording may be gone, and what was paid for with it
        kept = self._kept()
        return kept and kept.model_copy(update=self._provenance())

    def steps(self, tally: JobState) -> Generator[PieceRequest]:
        """The pieces to send, cut as they are asked for; those that are kept go to the tally."""
        with tally.noting(), contextlib.closing(self.pieces()) as pieces:
            for piece in pieces:
                kept = self._kept(piece)
                if kept is not None:
                    self._add(piece, kept, tally)
                    piece.close()
                    continue
                try:
                    yield PieceRequest(piece, self.ask(piece))
                except BaseException:  # nobody may have taken it
                    piece.close()
                    raise
                if tally.halt.is_set:
                    return

    def keep(self, step: PieceRequest, transcript: Transcript, tally: JobState) -> None:
        """A finished piece, kept for the next time."""
        if self.cache:
            self.cache.put(self._key(step.piece), transcript)
        self._add(step.piece, transcript, tally)

    def finish(self, tally: JobState) -> Transcript:
        """The whole transcript.

        Raises:
            ApertisError: A piece failed; ``partial`` has what the others came to.
            StoppedError: It was given up before it was whole.
        """
        parts = sorted(tally.parts, key=lambda part: part.start)
        if failure := tally.take_failure():
            failure.partial = self._partial(parts) if parts else None
            try:
                raise failure
            finally:
                del failure  # a frame it passes would hold it, and it the frame
        tally.require_going()
        if len(parts) == 1:
            return parts[0].transcript.model_copy(update=self._provenance())
        end = {"duration": round(parts[-1].end, 3)} if parts else {}
        whole = stitch(parts, self.about.model_copy(update=end | self._provenance()))
        if self.cache:
            self.cache.put(self._key(), whole)
        return whole

    def _add(self, piece: Piece, transcript: Transcript, tally: JobState) -> None:
        tally.parts.append(TranscribedPiece(piece.start, piece.end, piece.overlap, transcript))
        if len(tally.parts) > 1 or piece.end < self.recording.duration - _ROUGHLY:
            tally.bell.notify()

    def _kept(self, piece: Piece | None = None) -> Transcript | None:
        """What was paid for before; this time its usage is none."""
        kept = self.cache.get(self._key(piece)) if self.cache else None
        return kept and kept.model_copy(update={"usage": None})

    def _provenance(self) -> dict[str, str]:
        """Which recording this is; the same sound may be kept under another's name."""
        return {"source": self.about.source, "digest": self._digest()}

    def _partial(self, parts: list[TranscribedPiece]) -> PartialTranscript:
        spans = tuple((max(round(part.start, 3), 0.0), round(part.end, 3)) for part in parts)
        return PartialTranscript(transcript=stitch(parts, self.about), spans=spans)

    def _key(self, piece: Piece | None = None) -> str:
        span = None if piece is None else [round(piece.start, 4), round(piece.end, 4)]
        asked = [_KEY_VERSION, self._digest(), dict(self.question), span]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def _digest(self) -> str:
        """The SHA-256 of the recording, read once."""
        if not self._digests:
            self._digests.append(self.recording.digest())
        return self._digests[0]
