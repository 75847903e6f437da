"""How a prompt is put to a server: instructions apart from data, and the form of the answer as a JSON schema."""

from typing import Any

from personalization.variants.generators.base import Prompt
from personalization.variants.generators.reading import without_lengths


def as_response(prompt: Prompt) -> dict[str, Any]:
    """For the Responses API; nothing is to be kept at the provider's."""
    return {
        "instructions": sendable(prompt.system),
        "input": sendable(prompt.user),
        "text": {
            "format": {
                "type": "json_schema",
                "name": prompt.schema_name,
                "schema": without_lengths(prompt.schema),
                "strict": True,
            }
        },
        "max_output_tokens": prompt.max_output_tokens,
        "store": False,
    }


def as_chat(prompt: Prompt, is_openai: bool) -> dict[str, Any]:
    """For Chat Completions. Servers of one's own know lengths, and small models need them; OpenAI renamed a limit."""
    schema = without_lengths(prompt.schema) if is_openai else prompt.schema
    form = {"name": prompt.schema_name, "schema": schema, "strict": True}
    return {
        "messages": [
            {"role": "system", "content": sendable(prompt.system)},
            {"role": "user", "content": sendable(prompt.user)},
        ],
        "response_format": {"type": "json_schema", "json_schema": form},
        "max_completion_tokens" if is_openai else "max_tokens": prompt.max_output_tokens,
    }


def sendable(text: str) -> str:
    """A text that can be sent: half a character cannot."""
    return text.encode(errors="replace").decode()
