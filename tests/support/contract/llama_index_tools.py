"""Tests of a tool spec, for any tool spec of LlamaIndex.

A subclass provides the tool spec, and for each tool arguments that work and arguments that fail.
"""

import asyncio
import inspect
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index.core.tools.calling import acall_tool, call_tool
from llama_index.core.tools.tool_spec.base import BaseToolSpec

CallTool = Callable[[FunctionTool, dict[str, Any]], ToolOutput]

TOOL_CALLERS: dict[str, CallTool] = {
    "sync": call_tool,
    "async": lambda tool, arguments: asyncio.run(acall_tool(tool, arguments)),
}
RESERVED_NAMES = {"handoff"}
"""Names of tools that agents define themselves."""


class ToolSpecContract(ABC):
    """Tests of a tool spec.

    Attributes:
        WORKING: Valid arguments for each tool, by its name.
        FAILING: Invalid arguments for each tool, by its name.
    """

    WORKING: Mapping[str, dict[str, Any]]
    FAILING: Mapping[str, dict[str, Any]]

    @pytest.fixture
    @abstractmethod
    def tool_spec(self) -> BaseToolSpec:
        """Return the tool spec."""

    @pytest.fixture(params=TOOL_CALLERS)
    def call(self, request: pytest.FixtureRequest) -> CallTool:
        """Return LlamaIndex's own functions that call a tool, sync and async."""
        return TOOL_CALLERS[request.param]

    def test_class(self, tool_spec: BaseToolSpec) -> None:
        """The tool spec is a subclass of BaseToolSpec."""
        assert BaseToolSpec.__name__ in [base.__name__ for base in type(tool_spec).__mro__]

    def test_pairs(self, tool_spec: BaseToolSpec) -> None:
        """Every tool is a pair of a function and a coroutine function."""
        for pair in tool_spec.spec_functions:
            assert isinstance(pair, tuple)
            sync_function, async_function = (getattr(tool_spec, name) for name in pair)
            assert not inspect.iscoroutinefunction(sync_function)
            assert inspect.iscoroutinefunction(async_function)

    def test_coverage(self, tool_spec: BaseToolSpec) -> None:
        """The subclass has valid and invalid arguments for every tool."""
        names = {tool.metadata.get_name() for tool in tool_spec.to_tool_list()}
        assert names == self.WORKING.keys() == self.FAILING.keys()

    def test_both_lists(self, tool_spec: BaseToolSpec) -> None:
        """The sync and the async list hold the same tools."""
        first, second = tool_spec.to_tool_list(), asyncio.run(tool_spec.to_tool_list_async())
        assert [each.metadata.to_openai_tool() for each in first] == [
            each.metadata.to_openai_tool() for each in second
        ]

    def test_some_tools(self, tool_spec: BaseToolSpec) -> None:
        """A tool listed by either of its names has the same description and schema."""
        first = tool_spec.to_tool_list()[0].metadata
        for name in tool_spec.spec_functions[0]:
            (tool,) = tool_spec.to_tool_list([name])
            assert tool.metadata.to_openai_tool() == first.to_openai_tool()

    def test_schemas(self, tool_spec: BaseToolSpec) -> None:
        """Names, descriptions and schemas fit the limits of chat models."""
        for tool in tool_spec.to_tool_list():
            function = tool.metadata.to_openai_tool()["function"]
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"])
            assert function["name"] not in RESERVED_NAMES
            assert 0 < len(function["description"]) <= 1024
            assert function["parameters"]["type"] == "object"
            for argument in function["parameters"]["properties"].values():
                assert argument["description"]
            json.dumps(function)

    def test_results(self, tool_spec: BaseToolSpec, call: CallTool) -> None:
        """A valid call returns text, in an output that survives JSON."""
        for name, arguments in self.WORKING.items():
            output = call(self._tool(tool_spec, name), arguments)
            assert not output.is_error, output.content
            assert output.content.strip()
            again = ToolOutput(**json.loads(output.model_dump_json()))
            assert again.blocks == output.blocks

    def test_refusals(self, tool_spec: BaseToolSpec, call: CallTool) -> None:
        """An invalid call returns an error of one line, without a traceback."""
        for name, arguments in self.FAILING.items():
            output = call(self._tool(tool_spec, name), arguments)
            assert output.is_error
            assert "\n" not in output.content
            assert "Traceback" not in output.content
            json.loads(output.model_dump_json())

    def test_unknown_arguments(self, tool_spec: BaseToolSpec, call: CallTool) -> None:
        """An unknown argument is an error."""
        for name, arguments in self.WORKING.items():
            made_up = {**arguments, "made_up": 1}
            assert call(self._tool(tool_spec, name), made_up).is_error

    @staticmethod
    def _tool(tool_spec: BaseToolSpec, name: str) -> FunctionTool:
        tools = {tool.metadata.get_name(): tool for tool in tool_spec.to_tool_list()}
        return tools[name]
