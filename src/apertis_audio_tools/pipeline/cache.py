"""Paid answers kept on disk, keyed by what was asked: nothing is paid for twice."""

import contextlib
import logging
import os
import sqlite3
import threading
import time
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from platformdirs import user_cache_path
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.files.paths import expand_user
from apertis_audio_tools.results import Transcript

logger = logging.getLogger("apertis_audio_tools")

R = TypeVar("R")

CacheSetting = bool | str | os.PathLike[str] | None
MAX_BYTES = 512 * 1024 * 1024
"""Thousands of hours of transcripts with all their segments, compressed."""

_FILE = "transcripts-2.sqlite3"
_BUSY_SECONDS = 30.0
_ON, _OFF = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS transcripts (
    key TEXT PRIMARY KEY, size INTEGER NOT NULL, used REAL NOT NULL, body BLOB NOT NULL
)
"""
# The body comes last: SQLite reads a row from its beginning, and needs only the others often.
_FIND = "SELECT CAST(body AS BLOB) FROM transcripts WHERE key = ?"
_OVER_THE_LIMIT = """
DELETE FROM transcripts WHERE key IN (
    SELECT key FROM (
        SELECT key, SUM(size) OVER (ORDER BY used DESC, key) AS total FROM transcripts
    ) WHERE total > ?
)
"""


class TranscriptCache:
    """Transcripts in an SQLite file, safe for several threads and processes.

    A cache that cannot be read or written, for whatever reason, is as good as empty: a warning is
    logged, and work goes on. Beyond its size, what was not used for longest goes first.

    Args:
        folder: Where the file is, or will be.
        max_bytes: Of all kept transcripts together, compressed.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = folder / _FILE
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closing: Callable[[], object] = lambda: None
        fork_safety.paused_while_forking(self)

    def get(self, key: str) -> Transcript | None:
        """What was kept under a key."""

        def read(database: sqlite3.Connection) -> bytes | None:
            row = database.execute(_FIND, [key]).fetchone()
            if row is None:
                return None
            database.execute("UPDATE transcripts SET used = ? WHERE key = ?", [time.time(), key])
            body: bytes = row[0]
            return body

        body = self._in_transaction(read, None)
        try:
            return None if body is None else Transcript.model_validate_json(zlib.decompress(body))
        except (zlib.error, ValidationError):
            logger.warning("An entry of the cache %s is damaged and not used.", self.path)
            return None

    def put(self, key: str, transcript: Transcript) -> None:
        """Keep a transcript: after this, a crash of the process does not lose it."""
        body = zlib.compress(transcript.model_dump_json().encode())

        def write(database: sqlite3.Connection) -> None:
            row = [key, len(body), time.time(), body]
            database.execute("INSERT OR REPLACE INTO transcripts VALUES (?, ?, ?, ?)", row)
            database.execute(_OVER_THE_LIMIT, [self._max_bytes])

        if len(body) <= self._max_bytes:
            self._in_transaction(write, None)

    def held(self) -> tuple[int, int]:
        """How many transcripts are kept, and their bytes, compressed."""
        if not self.path.exists():
            return 0, 0
        counted = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM transcripts"
        number, size = self._in_transaction(lambda db: db.execute(counted).fetchone(), (0, 0))
        return number, size

    def clear(self) -> int:
        """Forget everything, and free the disk; the number of transcripts that were kept."""
        kept = self._in_transaction(lambda db: db.execute("DELETE FROM transcripts").rowcount, None)
        if kept:
            self._in_transaction(lambda db: db.execute("VACUUM"), None)
        self.close()
        if kept is None:
            self._remove()
        return kept or 0

    def close(self) -> None:
        """Close the file; it opens again when it is needed."""
        with self._lock:
            self._close()

    def pause(self) -> None:
        """Close the file and keep it closed: no connection of SQLite survives a fork."""
        self._lock.acquire()
        with contextlib.suppress(sqlite3.Error):
            self._close()

    def resume(self) -> None:
        """Let it be opened again."""
        self._lock.release()

    def _close(self) -> None:
        self._connection = None
        self._closing()

    def _in_transaction(self, do: Callable[[sqlite3.Connection], R], otherwise: R) -> R:
        try:
            with self._lock, self._opened() as database:
                return do(database)
        except (sqlite3.Error, OSError) as error:
            logger.warning("The cache %s cannot be used: %s", self.path, error)
            return otherwise

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = _connection(self.path)
            self._closing = weakref.finalize(self, self._connection.close)
        return self._connection

    def _remove(self) -> None:
        """Delete a file that SQLite cannot read."""
        try:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        except OSError as error:
            logger.warning("The cache %s cannot be removed: %s", self.path, error)


def _connection(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        _patiently(connection.execute, "PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


_patiently = Retrying(
    retry=retry_if_exception(
        lambda error: getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
    ),
    wait=wait_random(0.01, 0.05),
    stop=stop_after_delay(_BUSY_SECONDS),
    reraise=True,
)
"""SQLite itself waits for others, but not when it changes the mode of a file that is just made."""


def user_cache() -> TranscriptCache:
    """The cache in the folder that the system has for a user's caches."""
    return TranscriptCache(user_cache_path("apertis-audio-tools"))


def default_cache_setting() -> bool | None:
    """The setting of programs that keep transcripts unless the environment has a say."""
    return None if "APERTIS_AUDIO_CACHE" in os.environ else True


def open_cache(setting: CacheSetting) -> TranscriptCache | None:
    """The cache a setting asks for: True for the user's own, a folder for one there.

    None leaves it to the variable ``APERTIS_AUDIO_CACHE``: a folder, or 1, or nothing for none.

    Raises:
        ConfigurationError: It is no such setting, or a folder in a home that is not known.
    """
    wanted = os.environ.get("APERTIS_AUDIO_CACHE", "") if setting is None else setting
    if not isinstance(wanted, bool | str | os.PathLike):
        raise ConfigurationError(
            f"cache is of type {type(wanted).__name__}; it must be True, False, None or a folder."
        )
    word = wanted.strip().lower() if isinstance(wanted, str) else ""
    if wanted is False or (isinstance(wanted, str) and word in _OFF):
        return None
    if wanted is True or word in _ON:
        return user_cache()
    return TranscriptCache(expand_user(wanted).absolute())
