"""Cache of transcripts on disk, so that nothing is paid for twice."""

import contextlib
import logging
import os
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.files.paths import expand_user
from apertis_audio_tools.pipeline.cache_entries import Cache, compress_entry, restore_entry
from apertis_audio_tools.pipeline.shared_cache import SharedCache
from apertis_audio_tools.results import Transcript

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

R = TypeVar("R")

CacheSetting: TypeAlias = bool | str | os.PathLike[str] | None
MAX_BYTES = 512 * 1024 * 1024
"""Thousands of hours of transcripts with all their segments, compressed."""

_FILE = "transcripts-3.sqlite3"
_OLDER_FILE = "transcripts-2.sqlite3"
"""File of the version before. It is not read, and goes when the cache is cleared."""
_SUFFIXES = ("", "-wal", "-shm", "-journal")
"""Suffixes of the files of SQLite, which gives new ones the permissions of the first."""
_BUSY_SECONDS = 30.0
_ON, _OFF = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS transcripts (
    key TEXT PRIMARY KEY, size INTEGER NOT NULL, used REAL NOT NULL,
    body BLOB NOT NULL, response BLOB NOT NULL
)
"""
# The last columns are long: SQLite reads rows from their beginning, often without them.
_SELECT = "SELECT CAST(body AS BLOB), CAST(response AS BLOB) FROM transcripts WHERE key = ?"
_DELETE_OLDEST = """
DELETE FROM transcripts WHERE key IN (
    SELECT key FROM (
        SELECT key, SUM(size) OVER (ORDER BY used DESC, key) AS total FROM transcripts
    ) WHERE total > ?
)
"""


_sqlite_lock = threading.RLock()
"""Held while a cache uses SQLite, and while the process forks."""

_connected: "weakref.WeakSet[TranscriptCache]" = weakref.WeakSet()


class TranscriptCache:
    """Transcripts in an SQLite file.

    After it has waited in vain for the lock of another process, it does not wait again until a
    write succeeds. Beyond `max_bytes`, the least recently used transcripts are deleted.

    Args:
        folder: Folder of the file. It is made when it is needed.
        max_bytes: Limit on the compressed size of all transcripts together.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path: Path = folder / _FILE
        self._max_bytes = max_bytes
        self._connection: sqlite3.Connection | None = None
        self._close_connection: Callable[[], object] = lambda: None
        self._busy_seconds = _BUSY_SECONDS
        self._failure: str | None = None

    def get(self, key: str) -> Transcript | None:
        """Return the transcript with a key, or None."""

        def read(database: sqlite3.Connection) -> tuple[bytes, bytes] | None:
            row: tuple[bytes, bytes] | None = database.execute(_SELECT, [key]).fetchone()
            return row

        row = self._in_transaction(read, None)
        if row is None:
            return None
        # In a transaction of its own: one that fails does not lose the transcript.
        used = [time.time(), key]
        update = "UPDATE transcripts SET used = ? WHERE key = ?"
        self._in_transaction(lambda database: database.execute(update, used), None)
        transcript = restore_entry(*row)
        if transcript is None:
            logger.warning("An entry of the cache %s is damaged and not used.", self.path)
        return transcript

    def put(self, key: str, transcript: Transcript) -> None:
        """Keep a transcript and its response. A crash of the process after this loses neither."""
        body, response = compress_entry(transcript)
        size = len(body) + len(response)

        def write(database: sqlite3.Connection) -> None:
            row = [key, size, time.time(), body, response]
            database.execute("INSERT OR REPLACE INTO transcripts VALUES (?, ?, ?, ?, ?)", row)
            database.execute(_DELETE_OLDEST, [self._max_bytes])

        if size <= self._max_bytes:
            self._in_transaction(write, None)

    def usage(self) -> tuple[int, int]:
        """Return the number of transcripts and their compressed size in bytes."""
        if not self.path.exists():
            return 0, 0
        totals = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM transcripts"
        number, size = self._in_transaction(lambda db: db.execute(totals).fetchone(), (0, 0))
        return number, size

    def clear(self) -> int:
        """Delete all transcripts, free the disk, and return how many there were."""
        deleted = self._in_transaction(
            lambda db: db.execute("DELETE FROM transcripts").rowcount, None
        )
        if deleted:
            self._in_transaction(lambda db: db.execute("VACUUM"), None)
        self.close()
        if deleted is None:
            self._remove(self.path)
        self._remove(self.path.with_name(_OLDER_FILE))
        return deleted or 0

    def close(self) -> None:
        """Close the file. It is opened again when it is needed."""
        with _sqlite_lock:
            self._connection = None
            _connected.discard(self)
            self._close_connection()

    def _in_transaction(self, do: Callable[[sqlite3.Connection], R], default: R) -> R:
        try:
            with _sqlite_lock:
                try:
                    with self._open() as database:
                        result = do(database)
                        is_writing = database.in_transaction
                except sqlite3.OperationalError as error:
                    if _is_busy(error):
                        self._set_busy_seconds(0.0)
                    raise
                if is_writing:
                    self._failure = None
                    self._set_busy_seconds(_BUSY_SECONDS)
        except (sqlite3.Error, OSError) as error:
            if str(error) != self._failure:
                self._failure = str(error)
                logger.warning("The cache %s cannot be used: %s", self.path, error)
            return default
        return result

    def _set_busy_seconds(self, seconds: float) -> None:
        """Set how long to wait for the lock of another process."""
        if seconds != self._busy_seconds:
            self._busy_seconds = seconds
            if self._connection is not None:
                self._connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(self.path)
            self._connection = _connect(self.path, self._busy_seconds)
            self._close_connection = weakref.finalize(self, _close, self._connection)
            _connected.add(self)
        return self._connection

    def _remove(self, path: Path) -> None:
        """Delete a file that SQLite cannot read, or an older one."""
        try:
            for suffix in _SUFFIXES:
                Path(f"{path}{suffix}").unlink(missing_ok=True)
        except OSError as error:
            logger.warning("The cache %s cannot be removed: %s", path, error)


def _make_private(path: Path) -> None:
    """Create the file if necessary, for its owner alone, and take rights of others away.

    Raises:
        OSError: If a link, another user's file or a special file is in its place.
    """
    with contextlib.suppress(FileExistsError):
        # Only a new file: closing one that SQLite has open would release SQLite's locks.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    for suffix in _SUFFIXES:
        file = Path(f"{path}{suffix}")
        with contextlib.suppress(FileNotFoundError):
            status = file.lstat()
            _require_own_file(file, status)
            if status.st_mode & 0o077:
                with contextlib.suppress(PermissionError):  # Some disks have no permissions.
                    file.chmod(0o600)


def _require_own_file(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "no regular file"
        raise OSError(f"{file.name} is {kind}")
    if hasattr(os, "geteuid") and os.geteuid() not in {0, status.st_uid}:
        raise OSError(f"{file.name} belongs to another user")


def _connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

    connection = sqlite3.connect(path, timeout=busy_seconds, check_same_thread=False)
    try:
        # SQLite itself waits for other processes, but not while it sets the mode of a new file.
        retry_while_busy = Retrying(
            retry=retry_if_exception(_is_busy),
            wait=wait_random(0.01, 0.05),
            stop=stop_after_delay(busy_seconds),
            reraise=True,
        )
        retry_while_busy(connection.execute, "PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_busy(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY  # the rest of the code says why


def _close(connection: sqlite3.Connection) -> None:
    with _sqlite_lock:
        connection.close()


def _before_fork() -> None:
    """Close all connections and open none until the process has forked.

    A process-id check would come too late. While a child has a copy of an open connection, SQLite
    believes that the child holds the locks of its parent: the child's own connections then lock
    nothing, and what they write gets lost.
    """
    _sqlite_lock.acquire()
    for cache in list(_connected):
        with contextlib.suppress(sqlite3.Error):
            cache.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_sqlite_lock.release,
        after_in_child=_sqlite_lock.release,
    )


def user_cache() -> TranscriptCache:
    """Return the cache in the system's folder for caches of the user."""
    from platformdirs import user_cache_path

    return TranscriptCache(user_cache_path("apertis-audio-tools"))


def default_cache_setting() -> bool | None:
    """Return the setting of programs that use the cache unless the environment says otherwise."""
    return None if "APERTIS_AUDIO_CACHE" in os.environ else True


def open_cache(setting: CacheSetting) -> Cache | None:
    """Return the cache of a setting, or None for no cache.

    Args:
        setting: True for the user's cache, a folder for a cache there, a URL of fsspec for one
            that machines share, or False for none. None means the value of the variable
            ``APERTIS_AUDIO_CACHE``, which is a folder, a URL, 1 or 0.

    Raises:
        ConfigurationError: If the setting is invalid, a folder in an unknown home, or a URL of
            a file system that is not known or not installed.
    """
    if setting is None:
        setting = os.environ.get("APERTIS_AUDIO_CACHE", "")
    if not isinstance(setting, bool | str | os.PathLike):
        raise ConfigurationError(
            f"cache is of type {type(setting).__name__}; it must be True, False, None or a folder."
        )
    word = setting.strip().lower() if isinstance(setting, str) else None
    if setting is False or word in _OFF:
        return None
    if setting is True or word in _ON:
        return user_cache()
    if isinstance(setting, str) and "://" in setting:
        return SharedCache(setting)
    return TranscriptCache(expand_user(setting).absolute())
