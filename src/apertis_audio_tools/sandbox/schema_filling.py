"""Fill JSON schemas with values from the text of a request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from apertis_audio_tools.sandbox.error_responses import invalid_parameter

Schema = Mapping[str, Any]

_MAX_DEPTH: Final = 32
_MAX_VALUES: Final = 1000
_MAX_PADDING: Final = 4096
# No pattern looks at a character more than a few times, whatever the text is.
_QUOTED: Final = re.compile(r'"([^"]+)"|“([^“”]+)”|`([^`]+)`|(?<!\w)\'([^\']+)\'(?!\w)')
_FILE: Final = re.compile(r"(?<![\w./\\-])[\w./\\-]*\w\.[A-Za-z][A-Za-z0-9]{1,4}\b")
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d++(?:\.\d++)?(?![\w.]*\w)")
_FILE_PROPERTY: Final = re.compile(r"path|file|audio|recording|source", re.IGNORECASE)


def fill_schema(schema: Schema, text: str) -> object:
    """Return a value that follows a schema: its const, default or enum, else a value by type.

    Strings come from quotations in the text, then from file names in it, else are the whole text;
    numbers come from the text, within the schema's bounds. Only required properties are included.

    Raises:
        ErrorResponse: 400 invalid_parameter if the schema is malformed, huge or requires itself.
    """
    try:
        return _SchemaFiller(schema, text).fill(schema)
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError):
        raise invalid_parameter("schema", "The JSON schema is malformed.") from None


def quoted_phrases(text: str) -> list[str]:
    """Return the phrases in quotation marks."""
    return ["".join(groups) for groups in _QUOTED.findall(text)]


class _SchemaFiller:
    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._text = text
        self._value_count = 0
        self._quoted = quoted_phrases(text)
        unquoted = _QUOTED.sub(" ", text)
        self._files: list[str] = _FILE.findall(unquoted)
        self._numbers = [float(number) for number in _NUMBER.findall(unquoted)]

    def fill(self, schema: object, name: str = "", depth: int = 0) -> object:
        self._value_count += 1
        if depth > _MAX_DEPTH or self._value_count > _MAX_VALUES:
            raise invalid_parameter("schema", "The JSON schema is too large or requires itself.")
        if not isinstance(schema, Mapping):
            return None
        for keyword in ("const", "default"):
            if keyword in schema:
                return schema[keyword]
        if schema.get("enum"):
            return self._choose(schema["enum"])
        if (other := self._resolve(schema)) is not None:
            return self.fill(other, name, depth + 1)
        return self._fill_type(schema, name, depth)

    def _resolve(self, schema: Schema) -> object:
        """Return the schema that this one refers to, offers or is composed of."""
        if "$ref" in schema:
            return self._follow(schema["$ref"])
        if alternatives := schema.get("anyOf") or schema.get("oneOf"):
            return next(
                (each for each in alternatives if each != {"type": "null"}), alternatives[0]
            )
        return self._merge(schema["allOf"]) if "allOf" in schema else None

    def _fill_type(self, schema: Schema, name: str, depth: int) -> object:
        match _type_of(schema):
            case "object":
                properties = schema.get("properties", {})
                required = schema.get("required", ())
                return {key: self.fill(properties.get(key), key, depth + 1) for key in required}
            case "array":
                minimum = max(1, schema.get("minItems", 1))
                count = min(minimum, schema.get("maxItems", _MAX_VALUES + 1))
                return [self.fill(schema.get("items"), name, depth + 1) for _ in range(count)]
            case "string":
                return self._string(schema, name)
            case "integer":
                return int(self._number(schema, 1))
            case "number":
                return self._number(schema, 0.001)
            case kind:
                return True if kind == "boolean" else None

    def _choose(self, options: Sequence[object]) -> object:
        """Return the option that the text mentions, or the first."""
        text = self._text.lower()
        mentioned = (each for each in options if isinstance(each, str) and each.lower() in text)
        return next(mentioned, options[0])

    def _string(self, schema: Schema, name: str) -> str:
        sources = [self._quoted, self._files]
        if _FILE_PROPERTY.search(name):
            sources.reverse()
        value = next((source.pop(0) for source in sources if source), self._text)
        min_length = min(schema.get("minLength", 0), _MAX_PADDING)
        return value[: schema.get("maxLength")].ljust(min_length)

    def _number(self, schema: Schema, step: float) -> float:
        number = self._numbers.pop(0) if self._numbers else 0.0
        minimum = schema.get("minimum", _step_inside(schema.get("exclusiveMinimum"), step))
        maximum = schema.get("maximum", _step_inside(schema.get("exclusiveMaximum"), -step))
        if minimum is not None:
            number = max(number, minimum)
        return number if maximum is None else min(number, maximum)

    def _follow(self, reference: str) -> object:
        value: object = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step:
                key = step.replace("~1", "/").replace("~0", "~")
                value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def _merge(self, schemas: Sequence[Schema]) -> Schema:
        merged: dict[str, Any] = {}
        for schema in schemas:
            part: Any = self._follow(schema["$ref"]) if "$ref" in schema else schema
            merged |= dict(part or {})
        return merged


def _type_of(schema: Schema) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((each for each in kind if each != "null"), None)
    if kind is None and "properties" in schema:
        return "object"
    return kind


def _step_inside(bound: float | None, step: float) -> float | None:
    return None if bound is None else bound + step
