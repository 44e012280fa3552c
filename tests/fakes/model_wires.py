"""The four protocols of model services, as far as coding CLIs use them: requests read, turns written whole or as a stream."""

import json
from dataclasses import dataclass, field
from typing import Iterable, Optional

import model_tools
from model_tools import Call, Tool

SENT, RECEIVED = 1000, 50


@dataclass
class Ask:
    """One request."""

    text: str
    tools: list
    # How many calls have been answered so far.
    answered: int
    stream: bool
    model: str = "fake"
    count_only: bool = False


@dataclass
class Turn:
    """One answer: a text in pieces, then perhaps a call."""

    chunks: Iterable[str] = field(default_factory=list)
    call: Optional[Call] = None
    # Each piece is a block or message of its own, where the protocol has such.
    apart: bool = False
    # Which call of the conversation it is: a later one has another id.
    number: int = 0

    @property
    def mark(self):
        """The end of the ids of its call."""
        return f"fake{self.number or ''}"


def data(value, event=None):
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


def models():
    """A list of models that suits every protocol."""
    names = ["fake", "gpt-5.5", "gemini-2.5-pro"]
    return {"object": "list", "data": [{"id": n, "object": "model"} for n in names], "models": [{"name": f"models/{n}"} for n in names]}


class Anthropic:
    """Messages."""

    NAME, STREAM_TYPE = "anthropic", "text/event-stream"

    @staticmethod
    def parse(path, body):
        blocks = [b for m in body.get("messages", []) if isinstance(m["content"], list) for b in m["content"]]
        tools = [Tool(t["name"], t.get("input_schema", {})) for t in body.get("tools", [])]
        answered = sum(b.get("type") == "tool_result" for b in blocks)
        return Ask(model_tools.text_of(body), tools, answered, bool(body.get("stream")), body.get("model", "fake"), "count_tokens" in path)

    @staticmethod
    def count():
        return {"input_tokens": SENT}

    @staticmethod
    def error(status, message):
        kinds = {401: "authentication_error", 429: "rate_limit_error"}
        return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}}

    @staticmethod
    def message(ask, content, stop):
        usage = {"input_tokens": SENT, "output_tokens": RECEIVED, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        # Each answer has an id of its own, as from a service: CLIs and `ai` count an answer once.
        return {"id": f"msg_fake{ask.answered}", "type": "message", "role": "assistant", "model": ask.model, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}

    @classmethod
    def whole(cls, turn, ask):
        content = [{"type": "text", "text": "".join(turn.chunks)}]
        if turn.call:
            content.append({"type": "tool_use", "id": f"toolu_{turn.mark}", "name": turn.call.name, "input": turn.call.arguments})
        return cls.message(ask, content, "tool_use" if turn.call else "end_turn")

    @classmethod
    def frames(cls, turn, ask):
        def sse(kind, **more):
            return data({"type": kind, **more}, kind)

        yield sse("message_start", message=cls.message(ask, [], None))
        index = 0
        for text in ([chunk] for chunk in turn.chunks) if turn.apart else [turn.chunks]:
            yield sse("content_block_start", index=index, content_block={"type": "text", "text": ""})
            for chunk in text:
                yield sse("content_block_delta", index=index, delta={"type": "text_delta", "text": chunk})
            yield sse("content_block_stop", index=index)
            index += 1
        if turn.call:
            block = {"type": "tool_use", "id": f"toolu_{turn.mark}", "name": turn.call.name, "input": {}}
            yield sse("content_block_start", index=index, content_block=block)
            yield sse("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": json.dumps(turn.call.arguments)})
            yield sse("content_block_stop", index=index)
        stop = "tool_use" if turn.call else "end_turn"
        yield sse("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage={"output_tokens": RECEIVED})
        yield sse("message_stop")


class Chat:
    """OpenAI Chat Completions."""

    NAME, STREAM_TYPE = "chat", "text/event-stream"

    @staticmethod
    def parse(_path, body):
        tools = [Tool(t["function"]["name"], t["function"].get("parameters") or {}) for t in body.get("tools") or []]
        answered = sum(m.get("role") == "tool" for m in body.get("messages", []))
        return Ask(model_tools.text_of(body), tools, answered, bool(body.get("stream")), body.get("model", "fake"))

    @staticmethod
    def error(status, message):
        return {"error": {"message": message, "type": "fake", "code": {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status)}}

    @staticmethod
    def usage():
        return {"prompt_tokens": SENT, "completion_tokens": RECEIVED, "total_tokens": SENT + RECEIVED}

    @staticmethod
    def calls(turn):
        function = {"name": turn.call.name, "arguments": json.dumps(turn.call.arguments)}
        return [{"index": 0, "id": f"call_{turn.mark}", "type": "function", "function": function}]

    @classmethod
    def whole(cls, turn, ask):
        message = {"role": "assistant", "content": "".join(turn.chunks)} | ({"tool_calls": cls.calls(turn)} if turn.call else {})
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if turn.call else "stop"}
        return {"id": "chat_fake", "object": "chat.completion", "created": 1, "model": ask.model, "choices": [choice], "usage": cls.usage()}

    @classmethod
    def frames(cls, turn, ask):
        def chunk(delta, finish=None, **more):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return data({"id": "chat_fake", "object": "chat.completion.chunk", "created": 1, "model": ask.model, "choices": [choice], **more})

        yield chunk({"role": "assistant", "content": ""})
        for text in turn.chunks:
            yield chunk({"content": text})
        if turn.call:
            yield chunk({"tool_calls": cls.calls(turn)})
        yield chunk({}, "tool_calls" if turn.call else "stop", usage=cls.usage())
        yield b"data: [DONE]\n\n"


class Responses:
    """OpenAI Responses."""

    NAME, STREAM_TYPE = "responses", "text/event-stream"

    @staticmethod
    def parse(_path, body):
        tools = [Tool(t["name"], t.get("parameters") or {}, t["type"] == "custom") for t in body.get("tools", []) if "name" in t]
        given = body.get("input", [])
        answered = sum(str(i.get("type", "")).endswith("_call_output") for i in given if isinstance(i, dict))
        return Ask(model_tools.text_of(body), tools, answered, bool(body.get("stream")), body.get("model", "fake"))

    error = Chat.error

    @staticmethod
    def items(turn):
        for number, text in enumerate(turn.chunks if turn.apart else ["".join(turn.chunks)]):
            content = [{"type": "output_text", "text": text, "annotations": []}]
            yield {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": content}
        if turn.call and turn.call.text is not None:
            yield {"type": "custom_tool_call", "id": f"ctc_{turn.mark}", "call_id": f"call_{turn.mark}", "name": turn.call.name, "input": turn.call.text}
        elif turn.call:
            yield {"type": "function_call", "id": f"fc_{turn.mark}", "call_id": f"call_{turn.mark}", "name": turn.call.name, "arguments": json.dumps(turn.call.arguments)}

    @staticmethod
    def response(ask, output, status):
        usage = {"input_tokens": SENT, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": RECEIVED, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": SENT + RECEIVED}
        return {"id": "resp_fake", "object": "response", "created_at": 1, "model": ask.model, "status": status, "output": output, "usage": usage}

    @classmethod
    def whole(cls, turn, ask):
        return cls.response(ask, list(cls.items(turn)), "completed")

    @classmethod
    def frames(cls, turn, ask):
        items = list(cls.items(turn))

        def sse(kind, **more):
            return data({"type": kind, **more}, kind)

        yield sse("response.created", response=cls.response(ask, [], "in_progress"))
        for index, item in enumerate(items):
            yield sse("response.output_item.added", output_index=index, item=item if item["type"] != "message" else {**item, "content": []})
            if item["type"] == "message":
                at = {"item_id": item["id"], "output_index": index, "content_index": 0}
                yield sse("response.content_part.added", **at, part={"type": "output_text", "text": "", "annotations": []})
                yield sse("response.output_text.delta", **at, delta=item["content"][0]["text"])
                yield sse("response.content_part.done", **at, part=item["content"][0])
            yield sse("response.output_item.done", output_index=index, item=item)
        yield sse("response.completed", response=cls.response(ask, [] if turn.apart else items, "completed"))


class Gemini:
    """generateContent and streamGenerateContent."""

    NAME, STREAM_TYPE = "gemini", "text/event-stream"

    @staticmethod
    def parse(path, body):
        declared = [d for t in body.get("tools", []) for d in t.get("functionDeclarations", [])]
        tools = [Tool(d["name"], d.get("parametersJsonSchema") or d.get("parameters") or {}) for d in declared]
        parts = [p for c in body.get("contents", []) for p in c.get("parts", [])]
        answered = sum("functionResponse" in p for p in parts)
        return Ask(model_tools.text_of(body), tools, answered, "streamGenerateContent" in path, "fake", "countTokens" in path)

    @staticmethod
    def count():
        return {"totalTokens": SENT}

    @staticmethod
    def error(status, message):
        kinds = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
        return {"error": {"code": status, "message": message, "status": kinds.get(status, "UNKNOWN")}}

    @staticmethod
    def answer(parts, finish=None):
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}} | ({"finishReason": finish} if finish else {})
        usage = {"promptTokenCount": SENT, "candidatesTokenCount": RECEIVED, "totalTokenCount": SENT + RECEIVED}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "fake"}

    @classmethod
    def last_parts(cls, turn):
        return [{"functionCall": {"name": turn.call.name, "args": turn.call.arguments}}] if turn.call else []

    @classmethod
    def whole(cls, turn, _ask):
        return cls.answer([{"text": "".join(turn.chunks)}, *cls.last_parts(turn)], "STOP")

    @classmethod
    def frames(cls, turn, _ask):
        for chunk in turn.chunks:
            yield data(cls.answer([{"text": chunk}]))
        yield data(cls.answer(cls.last_parts(turn) or [{"text": ""}], "STOP"))


def wire_for(path):
    """The protocol of an address."""
    known = [("/messages", Anthropic), ("/chat/completions", Chat), ("/responses", Responses), ("enerateContent", Gemini), ("countTokens", Gemini)]
    for part, wire in known:
        if part in path:
            return wire
    raise ValueError(f"no protocol at {path}")
