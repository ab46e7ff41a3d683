"""What LlamaIndex and its agents expect of a tool spec, as tests for any tool spec.

A subclass names the tool spec, and a call of each tool that works and one that does not.
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

Call = Callable[[FunctionTool, dict[str, Any]], ToolOutput]

CALLS: dict[str, Call] = {
    "sync": call_tool,
    "async": lambda tool, arguments: asyncio.run(acall_tool(tool, arguments)),
}
RESERVED = {"handoff"}
"""Names that agents use themselves."""


class ToolSpecContract(ABC):
    """A tool spec.

    Attributes:
        WORKING: Arguments for each tool, by its name.
        FAILING: Likewise, arguments that it has to refuse.
    """

    WORKING: Mapping[str, dict[str, Any]]
    FAILING: Mapping[str, dict[str, Any]]

    @pytest.fixture
    @abstractmethod
    def tool_spec(self) -> BaseToolSpec:
        """The tool spec."""

    @pytest.fixture(params=CALLS)
    def call(self, request: pytest.FixtureRequest) -> Call:
        """Calls a tool as LlamaIndex does, in both colours."""
        return CALLS[request.param]

    def test_class(self, tool_spec: BaseToolSpec) -> None:
        """It descends from LlamaIndex's tool spec."""
        assert BaseToolSpec.__name__ in [base.__name__ for base in type(tool_spec).__mro__]

    def test_pairs(self, tool_spec: BaseToolSpec) -> None:
        """Every tool is a function and its twin, which is really asynchronous."""
        for pair in tool_spec.spec_functions:
            assert isinstance(pair, tuple)
            blocking, awaiting = (getattr(tool_spec, name) for name in pair)
            assert not inspect.iscoroutinefunction(blocking)
            assert inspect.iscoroutinefunction(awaiting)

    def test_all_tools_are_tried_here(self, tool_spec: BaseToolSpec) -> None:
        """There is a call that works, and one that does not, for every tool."""
        names = {tool.metadata.get_name() for tool in tool_spec.to_tool_list()}
        assert names == self.WORKING.keys() == self.FAILING.keys()

    def test_both_lists(self, tool_spec: BaseToolSpec) -> None:
        """The two lists of tools say the same."""
        first, second = tool_spec.to_tool_list(), asyncio.run(tool_spec.to_tool_list_async())
        assert [each.metadata.to_openai_tool() for each in first] == [
            each.metadata.to_openai_tool() for each in second
        ]

    def test_some_tools(self, tool_spec: BaseToolSpec) -> None:
        """A list of one tool, by either of its names, has the same description and schema."""
        first = tool_spec.to_tool_list()[0].metadata
        for name in tool_spec.spec_functions[0]:
            (tool,) = tool_spec.to_tool_list([name])
            assert tool.metadata.to_openai_tool() == first.to_openai_tool()

    def test_what_models_read(self, tool_spec: BaseToolSpec) -> None:
        """Names, descriptions and schemas are as chat models want them."""
        for tool in tool_spec.to_tool_list():
            function = tool.metadata.to_openai_tool()["function"]
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"])
            assert function["name"] not in RESERVED
            assert 0 < len(function["description"]) <= 1024
            assert function["parameters"]["type"] == "object"
            for argument in function["parameters"]["properties"].values():
                assert argument["description"]
            json.dumps(function)

    def test_results(self, tool_spec: BaseToolSpec, call: Call) -> None:
        """A call that works gives text, and an output that survives JSON."""
        for name, arguments in self.WORKING.items():
            output = call(self._tool(tool_spec, name), arguments)
            assert not output.is_error, output.content
            assert output.content.strip()
            again = ToolOutput(**json.loads(output.model_dump_json()))
            assert again.blocks == output.blocks

    def test_refusals(self, tool_spec: BaseToolSpec, call: Call) -> None:
        """A call that does not is an error, in a sentence without a trace of the program."""
        for name, arguments in self.FAILING.items():
            output = call(self._tool(tool_spec, name), arguments)
            assert output.is_error
            assert "\n" not in output.content
            assert "Traceback" not in output.content
            json.loads(output.model_dump_json())

    def test_unknown_arguments(self, tool_spec: BaseToolSpec, call: Call) -> None:
        """An argument that was made up is an error."""
        for name, arguments in self.WORKING.items():
            made_up = {**arguments, "made_up": 1}
            assert call(self._tool(tool_spec, name), made_up).is_error

    @staticmethod
    def _tool(tool_spec: BaseToolSpec, name: str) -> FunctionTool:
        found = {tool.metadata.get_name(): tool for tool in tool_spec.to_tool_list()}
        return found[name]
