"""Replies that follow a schema: by a tool that has to be called, or by the form of the reply."""

from operator import itemgetter
from typing import Any

from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_function
from langchain_core.utils.pydantic import is_basemodel_subclass

from apertis_audio_tools.errors import UnsupportedError

METHODS = ("function_calling", "json_schema", "json_mode")

Schema = dict[str, Any] | type


def require_method(method: str) -> None:
    """Refuse what is no way to get a reply that follows a schema.

    Raises:
        UnsupportedError: Saying which ways there are.
    """
    if method not in METHODS:
        raise UnsupportedError(f"method is {method!r}; it can be {', '.join(METHODS)}.")


def tool_parser(schema: Schema) -> BaseOutputParser[Any]:
    """Reads the call of the one tool that stands for the schema."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticToolsParser(tools=[schema], first_tool_only=True)
    name = convert_to_openai_function(schema)["name"]
    return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def json_parser(schema: Schema) -> BaseOutputParser[Any]:
    """Reads a reply that is JSON."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def response_format(schema: Schema, method: str, *, strict: bool | None) -> dict[str, Any]:
    """The form of a reply, in the chat schema."""
    if method == "json_mode":
        return {"type": "json_object"}
    function = convert_to_openai_function(schema, strict=strict)
    named = {"name": function["name"], "schema": function["parameters"]}
    for key in ("description", "strict"):
        if function.get(key) is not None:
            named[key] = function[key]
    return {"type": "json_schema", "json_schema": named}


def parsed(
    model: Runnable[Any, Any], parser: BaseOutputParser[Any], *, include_raw: bool
) -> Runnable[Any, Any]:
    """What the model says, read; with `include_raw` next to the message, and next to any error."""
    if not include_raw:
        return model | parser
    reading = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    nothing_read = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | reading.with_fallbacks(
        [nothing_read], exception_key="parsing_error"
    )
