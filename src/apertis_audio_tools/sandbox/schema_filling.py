"""Values that follow a JSON schema, taken from the words of a request where they fit."""

import re
from collections.abc import Mapping
from typing import Any, Final

from apertis_audio_tools.sandbox.refusals import invalid

Schema = Mapping[str, Any]

_DEEPEST: Final = 32
_MOST_VALUES: Final = 1000
_LONGEST: Final = 4096
_QUOTED: Final = re.compile(r'"([^"]+)"|“([^”]+)”|`([^`]+)`|(?<!\w)\'([^\']+)\'(?!\w)')
_FILE: Final = re.compile(r"[\w./\\-]*\w\.[A-Za-z][A-Za-z0-9]{1,4}\b")
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)")
_FILE_NAMED: Final = re.compile(r"path|file|audio|recording|source", re.IGNORECASE)


def filled(schema: Schema, text: str) -> Any:
    """A value for a schema: const, default or enum where there is one, else by type.

    Strings come from what the text quotes, then from file names in it, else are the whole text;
    numbers come from the text, within the schema's bounds. Only required properties are given.

    Raises:
        Refusal: 400 invalid_parameter for a schema that is malformed, huge or requires itself.
    """
    try:
        return _Filler(schema, text).fill(schema)
    except (TypeError, ValueError, AttributeError, LookupError):
        raise invalid("schema", "The JSON schema is malformed.") from None


def quoted(text: str) -> list[str]:
    """What a text has in quotation marks."""
    return ["".join(groups) for groups in _QUOTED.findall(text)]


class _Filler:
    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._text = text
        self._values = 0
        self._quoted = quoted(text)
        unquoted = _QUOTED.sub(" ", text)
        self._files = _FILE.findall(unquoted)
        self._numbers = [float(number) for number in _NUMBER.findall(unquoted)]

    def fill(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        self._values += 1
        if depth > _DEEPEST or self._values > _MOST_VALUES:
            raise invalid("schema", "The JSON schema is too large or requires itself.")
        if not isinstance(schema, Mapping):
            return None
        for keyword in ("const", "default"):
            if keyword in schema:
                return schema[keyword]
        if schema.get("enum"):
            return self._chosen(schema["enum"])
        if (other := self._stands_for(schema)) is not None:
            return self.fill(other, name, depth + 1)
        return self._typed(schema, name, depth)

    def _stands_for(self, schema: Schema) -> Any:
        """The schema that this one only refers to, offers or is composed of."""
        if "$ref" in schema:
            return self._referred(schema["$ref"])
        if alternatives := schema.get("anyOf") or schema.get("oneOf"):
            return _first_meaningful(alternatives)
        return self._merged(schema["allOf"]) if "allOf" in schema else None

    def _typed(self, schema: Schema, name: str, depth: int) -> Any:
        match _type_of(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "string":
                return self._string(schema, name)
            case "integer":
                return int(self._number(schema, 1))
            case "number":
                return self._number(schema, 0.001)
            case kind:
                return True if kind == "boolean" else None

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        return {key: self.fill(properties.get(key), key, depth + 1) for key in required}

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        length = min(max(1, schema.get("minItems", 1)), schema.get("maxItems", _MOST_VALUES + 1))
        return [self.fill(schema.get("items"), name, depth + 1) for _ in range(length)]

    def _chosen(self, options: list[Any]) -> Any:
        """The option the text mentions, or the first."""
        text = self._text.lower()
        mentioned = (each for each in options if isinstance(each, str) and each.lower() in text)
        return next(mentioned, options[0])

    def _string(self, schema: Schema, name: str) -> str:
        pools = [self._quoted, self._files]
        if _FILE_NAMED.search(name):
            pools.reverse()
        found = next((pool.pop(0) for pool in pools if pool), self._text)
        shortest = min(schema.get("minLength", 0), _LONGEST)
        return found[: schema.get("maxLength")].ljust(shortest)

    def _number(self, schema: Schema, step: float) -> float:
        number = self._numbers.pop(0) if self._numbers else 0.0
        lowest = schema.get("minimum", _beyond(schema.get("exclusiveMinimum"), step))
        highest = schema.get("maximum", _beyond(schema.get("exclusiveMaximum"), -step))
        if lowest is not None:
            number = max(number, lowest)
        return number if highest is None else min(number, highest)

    def _referred(self, reference: str) -> Any:
        found: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step:
                key = step.replace("~1", "/").replace("~0", "~")
                found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def _merged(self, schemas: list[Any]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for schema in schemas:
            part = self._referred(schema["$ref"]) if "$ref" in schema else schema
            merged |= dict(part or {})
        return merged


def _type_of(schema: Schema) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((each for each in kind if each != "null"), None)
    if kind is None and "properties" in schema:
        return "object"
    return kind


def _first_meaningful(alternatives: list[Any]) -> Any:
    return next((each for each in alternatives if each != {"type": "null"}), alternatives[0])


def _beyond(bound: float | None, step: float) -> float | None:
    return None if bound is None else bound + step
