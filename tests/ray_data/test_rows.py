"""Rows of passages have one schema, whatever became of the recording."""

from apertis_audio_tools import RecordingError, Segment, TotalUsage, Transcript
from apertis_audio_tools.adapters.documents import DocumentOptions, make_documents
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.ray import COLUMNS
from apertis_audio_tools.ray.rows import Row, failure_row, transcript_rows

OPTIONS, PASSAGES = TranscriptionOptions(), DocumentOptions(max_seconds=10)
SEGMENTS = (
    Segment(start=0.0, end=8.0, text=" One.", speaker="Ann"),
    Segment(start=8.0, end=15.5, text=" Two.", speaker="Bob"),
)
MEETING = Transcript(
    text="One. Two.",
    segments=SEGMENTS,
    language="english",
    duration=16.0,
    model="whisper-1",
    digest="d" * 64,
)
USAGE = TotalUsage(requests=1, seconds=16.0, cost=0.0016)


def rows(transcript: Transcript, usage: TotalUsage = USAGE) -> list[Row]:
    return [*transcript_rows(transcript, "/a/meeting.mp3", usage, OPTIONS, PASSAGES)]


def test_passages() -> None:
    """Each passage is a row, with the facts and the id of the document it would be."""
    first, second = rows(MEETING)
    documents = [*make_documents(MEETING, OPTIONS, PASSAGES, name="/a/meeting.mp3")]
    assert [first.id, second.id] == [each.id for each in documents]
    assert first == Row(
        source="/a/meeting.mp3",
        number=0,
        id=first.id,
        start=0.0,
        end=8.0,
        timecode="00:00:00",
        speaker="Ann",
        text="One.",
        estimated=False,
        duration=16.0,
        language="en",
        language_reported="english",
        model="whisper-1",
        task="transcribe",
        digest="d" * 64,
        cost=0.0016,
        sent_seconds=16.0,
    )
    assert (second.number, second.speaker, second.start) == (1, "Bob", 8.0)


def test_costs_add_up() -> None:
    """The cost is in the first row only, so that the sum of the column is that of the run."""
    assert [each.cost for each in rows(MEETING)] == [0.0016, None]
    assert [each.sent_seconds for each in rows(MEETING)] == [16.0, None]
    assert rows(MEETING, TotalUsage(unpriced_requests=1))[0].cost is None
    assert rows(MEETING, TotalUsage())[0].cost == 0.0


def test_estimated_times() -> None:
    """Rows say whether times are estimated."""
    guessed = Segment(start=0.0, end=3.0, text="One.", estimated=True)
    assert rows(MEETING.model_copy(update={"segments": (guessed,)}))[0].estimated


def test_nobody_speaks() -> None:
    """A recording in which nobody speaks is one row with an empty text: it is not lost."""
    (row,) = rows(MEETING.model_copy(update={"segments": (), "text": ""}))
    assert (row.text, row.number, row.duration, row.error, row.cost) == ("", 0, 16.0, None, 0.0016)


def test_failure() -> None:
    """A recording that failed is one row with the error, and what it cost."""
    row = failure_row("/a/b.mp3", RecordingError("b.mp3 is empty."), TotalUsage())
    assert row == Row(
        source="/a/b.mp3",
        cost=0.0,
        sent_seconds=0.0,
        error_type="RecordingError",
        error="b.mp3 is empty.",
    )


def test_columns() -> None:
    """Every row has every column of the schema, in its order."""
    assert [*failure_row("a", RecordingError("b"), USAGE).as_dict()] == [*COLUMNS]
    assert COLUMNS["number"] == "int32"
    assert set(COLUMNS.values()) == {"string", "int32", "double", "bool"}
