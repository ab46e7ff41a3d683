"""Schema of the chat request."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

AudioFormat = Literal["wav", "mp3", "flac", "opus", "pcm16", "aac"]


class TextBlock(BaseModel):
    """A block of text in a message."""

    type: Literal["text"]
    text: str


class InputAudio(BaseModel):
    """A recording in base64."""

    data: Annotated[str, Field(min_length=1)]
    format: Literal["wav", "mp3"]


class AudioBlock(BaseModel):
    """A block of audio in a message."""

    type: Literal["input_audio"]
    input_audio: InputAudio


def _as_blocks(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


Block = Annotated[TextBlock | AudioBlock, Field(discriminator="type")]
TextBlocks = Annotated[list[TextBlock], BeforeValidator(_as_blocks), Field(min_length=1)]
Blocks = Annotated[list[Block], BeforeValidator(_as_blocks), Field(min_length=1)]


class FunctionCall(BaseModel):
    """Name and arguments of a called function; the arguments are JSON text."""

    name: str
    arguments: str


class EarlierToolCall(BaseModel):
    """A tool call in an earlier message of the assistant."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class SpokenReplyReference(BaseModel):
    """The id of an earlier spoken reply."""

    id: str


class InstructionMessage(BaseModel):
    """A message of the developer."""

    role: Literal["system", "developer"]
    content: TextBlocks


class UserMessage(BaseModel):
    """A message of the user: text and recordings."""

    role: Literal["user"]
    content: Blocks


class AssistantMessage(BaseModel):
    """An earlier message of the model."""

    role: Literal["assistant"]
    content: TextBlocks | None = None
    audio: SpokenReplyReference | None = None
    tool_calls: Annotated[list[EarlierToolCall], Field(min_length=1)] | None = None


class ToolMessage(BaseModel):
    """The result of a tool call."""

    role: Literal["tool"]
    tool_call_id: str
    content: TextBlocks


ChatMessage = Annotated[
    InstructionMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


class FunctionDeclaration(BaseModel):
    """A function the model may call, with the JSON schema of its arguments."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, object] | None = None


class ToolDeclaration(BaseModel):
    """A tool the model may call; functions are the only kind."""

    type: Literal["function"]
    function: FunctionDeclaration


class FunctionName(BaseModel):
    """The name of a function."""

    name: str


class NamedToolChoice(BaseModel):
    """The function that the model must call."""

    type: Literal["function"]
    function: FunctionName


class NamedSchema(BaseModel, populate_by_name=True):
    """The JSON schema of the reply."""

    name: str
    schema_: Annotated[dict[str, object], Field(alias="schema")]


class ResponseFormat(BaseModel):
    """Format of the reply: text, any JSON object, or JSON that follows a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None


class AudioOutput(BaseModel):
    """Voice and audio format of a spoken reply."""

    voice: str
    format: AudioFormat


class StreamOptions(BaseModel):
    """Options of a streamed reply."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The request body of the chat endpoint."""

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    modalities: Annotated[list[Literal["text", "audio"]], Field(min_length=1)] | None = None
    audio: AudioOutput | None = None
    tools: Annotated[list[ToolDeclaration], Field(min_length=1, max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedToolChoice | None = None
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
        """True if the reply is spoken."""
        return self.modalities is not None and "audio" in self.modalities


def recordings_in(message: ChatMessage) -> list[InputAudio]:
    """Return the recordings in a message."""
    if not isinstance(message, UserMessage):
        return []
    return [block.input_audio for block in message.content if isinstance(block, AudioBlock)]


def text_of(message: ChatMessage) -> str:
    """Return the text in a message."""
    blocks = message.content or ()
    return "\n".join(block.text for block in blocks if isinstance(block, TextBlock))
