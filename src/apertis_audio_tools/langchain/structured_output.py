"""Replies that follow a schema: through a required tool call, or a response format."""

import functools
import operator
from collections.abc import AsyncIterator, Iterator, Sequence
from operator import itemgetter
from typing import Any

from langchain_core import exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_function
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from apertis_audio_tools.errors import UnsupportedError

_RefusalError: type[Exception] = getattr(exceptions, "ModelRefusalError", OutputParserException)

METHODS = ("function_calling", "json_schema", "json_mode")

Schema = dict[str, Any] | type
ParsedReply = dict[str, Any] | BaseModel
ReplyParser = BaseOutputParser[Any]


def require_method(method: str) -> None:
    """Raise unless `method` is a known method of structured output."""
    if method not in METHODS:
        raise UnsupportedError(f"method is {method!r}; it can be {', '.join(METHODS)}.")


def tool_parser(schema: Schema) -> ReplyParser:
    """Return the parser of a call of the tool that stands for the schema."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticToolsParser(tools=[schema], first_tool_only=True)
    name = convert_to_openai_function(schema)["name"]
    return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def json_parser(schema: Schema) -> ReplyParser:
    """Return the parser of a reply in JSON."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def response_format(schema: Schema, method: str, *, strict: bool | None) -> dict[str, Any]:
    """Return the ``response_format`` of a request."""
    if method == "json_mode":
        return {"type": "json_object"}
    function = convert_to_openai_function(schema, strict=strict)
    parameters = function.get("parameters", {"type": "object"})  # none if there are no properties
    json_schema = {"name": function["name"], "schema": parameters}
    for key in ("description", "strict"):
        if function.get(key) is not None:
            json_schema[key] = function[key]
    return {"type": "json_schema", "json_schema": json_schema}


def parse_replies(
    model: Runnable[LanguageModelInput, AIMessage], parser: ReplyParser, *, include_raw: bool
) -> Runnable[LanguageModelInput, ParsedReply]:
    """Return the model with parsed replies; `include_raw` adds the message and any error."""
    checked = RunnableGenerator(_check_refusals, _acheck_refusals) | parser
    if not include_raw:
        return model | checked
    parse = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | checked, parsing_error=lambda _: None
    )
    no_result = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parse.with_fallbacks([no_result], exception_key="parsing_error")


def _check_refusals(messages: Iterator[AIMessage]) -> Iterator[AIMessage]:
    read: list[AIMessage] = []
    for message in messages:
        read.append(message)
        if not message.additional_kwargs.get("refusal"):
            yield message
    _require_no_refusal(read)


async def _acheck_refusals(messages: AsyncIterator[AIMessage]) -> AsyncIterator[AIMessage]:
    read: list[AIMessage] = []
    async for message in messages:
        read.append(message)
        if not message.additional_kwargs.get("refusal"):
            yield message
    _require_no_refusal(read)


def _require_no_refusal(read: Sequence[AIMessage]) -> None:
    """Raise LangChain's error for a refusal in place of a parsing error.

    A stream is read to its end first, as each of its chunks may have words of the refusal.
    """
    if not read:
        return
    message: AIMessage = functools.reduce(operator.add, read)
    words = message.additional_kwargs.get("refusal")
    if not words and message.response_metadata.get("finish_reason") == "content_filter":
        words = "The reply was stopped by a content filter."
    if words:
        refused = _RefusalError(words)
        refused.raw_message = message  # type: ignore[attr-defined]
        raise refused
