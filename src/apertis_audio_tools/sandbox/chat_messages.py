"""The shape of a chat request, message by message."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

AudioFormat = Literal["wav", "mp3", "flac", "opus", "pcm16", "aac"]


class TextPart(BaseModel):
    """A block of text."""

    type: Literal["text"]
    text: str


class Clip(BaseModel):
    """A recording in base64."""

    data: Annotated[str, Field(min_length=1)]
    format: Literal["wav", "mp3"]


class AudioPart(BaseModel):
    """A block of audio."""

    type: Literal["input_audio"]
    input_audio: Clip


def _as_parts(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


Part = Annotated[TextPart | AudioPart, Field(discriminator="type")]
Texts = Annotated[list[TextPart], BeforeValidator(_as_parts), Field(min_length=1)]
Parts = Annotated[list[Part], BeforeValidator(_as_parts), Field(min_length=1)]


class CalledFunction(BaseModel):
    """What an assistant called."""

    name: str
    arguments: str


class ToolCall(BaseModel):
    """A call an assistant made earlier."""

    id: str
    type: Literal["function"]
    function: CalledFunction


class SpokenEarlier(BaseModel):
    """A spoken answer of before, by its id."""

    id: str


class InstructionMessage(BaseModel):
    """What the developer says."""

    role: Literal["system", "developer"]
    content: Texts


class UserMessage(BaseModel):
    """What the user says or plays."""

    role: Literal["user"]
    content: Parts


class AssistantMessage(BaseModel):
    """What the model answered before."""

    role: Literal["assistant"]
    content: Texts | None = None
    audio: SpokenEarlier | None = None
    tool_calls: Annotated[list[ToolCall], Field(min_length=1)] | None = None


class ToolMessage(BaseModel):
    """What a tool answered."""

    role: Literal["tool"]
    tool_call_id: str
    content: Texts


Message = Annotated[
    InstructionMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


class Function(BaseModel):
    """A function the model may call, with the JSON schema of its arguments."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(BaseModel):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: Function


class FunctionName(BaseModel):
    """The name of a function."""

    name: str


class NamedChoice(BaseModel):
    """The one function that has to be called."""

    type: Literal["function"]
    function: FunctionName


class NamedSchema(BaseModel):
    """The schema an answer has to follow."""

    model_config = {"populate_by_name": True}

    name: str
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class ResponseFormat(BaseModel):
    """Free text, any JSON object, or JSON that follows a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None


class AudioOutput(BaseModel):
    """How the answer is spoken."""

    voice: str
    format: AudioFormat


class StreamOptions(BaseModel):
    """What a stream carries besides the answer."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """What a chat request may ask for."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    modalities: Annotated[list[Literal["text", "audio"]], Field(min_length=1)] | None = None
    audio: AudioOutput | None = None
    tools: Annotated[list[Tool], Field(min_length=1)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Literal[1] | None = None
    seed: int | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def speaks(self) -> bool:
        """Whether the answer is to have audio."""
        return self.modalities is not None and "audio" in self.modalities

    @property
    def clips(self) -> list[Clip]:
        """Every recording in the conversation."""
        return [clip for message in self.messages for clip in clips_of(message)]


def clips_of(message: Message) -> list[Clip]:
    """The recordings in a message."""
    if not isinstance(message, UserMessage):
        return []
    return [part.input_audio for part in message.content if isinstance(part, AudioPart)]


def text_of(message: Message) -> str:
    """The text in a message."""
    parts = message.content or ()
    return "\n".join(part.text for part in parts if isinstance(part, TextPart))
