"""Everything that errors and log records show of themselves."""

import logging
import pickle
from collections.abc import Iterator

from apertis_audio_tools import ApertisError


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, its causes and its contexts, hidden ones as well."""
    found, waiting = list[BaseException](), [error]
    while waiting:
        each = waiting.pop()
        if each is not None and not any(each is other for other in found):
            found.append(each)
            waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    yield from found


def texts_of_error(error: ApertisError) -> Iterator[str]:
    """Yield all texts of an error and its chain: messages, arguments, attributes, notes, pickle."""
    for each in chain(error):
        yield from (str(each), repr(each))
        names = [name for name in dir(each) if not name.startswith("__") or name == "__notes__"]
        for value in (getattr(each, name, None) for name in names):
            yield repr(value)
            yield repr(getattr(value, "__dict__", ""))
    yield pickle.dumps(error).decode("latin-1")


def texts_of_record(record: logging.LogRecord) -> Iterator[str]:
    """Yield all texts of a log record."""
    yield from (record.getMessage(), repr(record.args), repr(record.msg))
    yield from map(repr, texts_of_error(record.exc_info[1]) if record.exc_info else ())  # type: ignore[arg-type]
