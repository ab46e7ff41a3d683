"""Each tool passes LangChain's conformance suites, against the sandbox."""

import shutil
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from apertis_audio_tools import FileAccess
from apertis_audio_tools.langchain import (
    AskAboutAudio,
    ListRecordings,
    SpeakText,
    TranscribeAudio,
    TranslateAudio,
)

CLIP = Path(__file__).parent.parent / "clips" / "clip.ogg"


class ToolParameters:
    """Parameters of a tool for both suites; the folders are made for each test."""

    TOOL: ClassVar[type[BaseTool]]
    EXAMPLE: ClassVar[dict[str, Any]]

    @pytest.fixture(autouse=True)
    def _folders(self, tmp_path: Path, request: pytest.FixtureRequest) -> None:
        (tmp_path / "in").mkdir()
        shutil.copy(CLIP, tmp_path / "in")
        self._access = FileAccess(tmp_path / "in", output=tmp_path / "out")
        needs_service = isinstance(self, ToolsIntegrationTests)
        self._url = (
            request.getfixturevalue("sandbox_url") if needs_service else "http://127.0.0.1:9/v1"
        )

    @property
    def tool_constructor(self) -> type[BaseTool]:
        """Class of the tool."""
        return self.TOOL

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        """Arguments of the class."""
        return {"access": self._access, "api_key": "sk-standard", "base_url": self._url}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        """Arguments that a model might pass."""
        return self.EXAMPLE

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """Settings that can come from the environment."""
        expected = {"api_key": "sk-environment", "base_url": "http://127.0.0.1:9/v1"}
        environment = {f"APERTIS_{name.upper()}": value for name, value in expected.items()}
        return environment, {"access": self._access}, expected


class Transcribe(ToolParameters):
    TOOL = TranscribeAudio
    EXAMPLE: ClassVar[dict[str, Any]] = {"path": "clip.ogg", "language": "en"}


class Translate(ToolParameters):
    TOOL = TranslateAudio
    EXAMPLE: ClassVar[dict[str, Any]] = {"path": "clip.ogg"}


class Listing(ToolParameters):
    TOOL = ListRecordings
    EXAMPLE: ClassVar[dict[str, Any]] = {"start": 0}


class Speak(ToolParameters):
    TOOL = SpeakText
    EXAMPLE: ClassVar[dict[str, Any]] = {"text": "The release moves to Thursday.", "voice": "nova"}


class Ask(ToolParameters):
    TOOL = AskAboutAudio
    EXAMPLE: ClassVar[dict[str, Any]] = {"path": "clip.ogg", "question": "What is said?"}


class TestTranscribeUnit(Transcribe, ToolsUnitTests):
    """Construction and schema of the tool that transcribes."""


class TestTranscribeIntegration(Transcribe, ToolsIntegrationTests):
    """Calls of the tool that transcribes."""


class TestTranslateUnit(Translate, ToolsUnitTests):
    """Construction and schema of the tool that translates."""


class TestTranslateIntegration(Translate, ToolsIntegrationTests):
    """Calls of the tool that translates."""


class TestSpeakUnit(Speak, ToolsUnitTests):
    """Construction and schema of the tool that speaks."""


class TestSpeakIntegration(Speak, ToolsIntegrationTests):
    """Calls of the tool that speaks."""


class TestAskUnit(Ask, ToolsUnitTests):
    """Construction and schema of the tool that asks a model."""


class TestAskIntegration(Ask, ToolsIntegrationTests):
    """Calls of the tool that asks a model."""


class TestListingUnit(Listing, ToolsUnitTests):
    """The tool that lists, without a service."""


class TestListingIntegration(Listing, ToolsIntegrationTests):
    """The tool that lists, with the sandbox, which it does not need."""
