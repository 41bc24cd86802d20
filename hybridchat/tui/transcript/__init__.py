"""The transcript: a conversation drawn by lines, whose cost depends on what is visible."""

from hybridchat.tui.transcript.code_blocks import CodeBlock
from hybridchat.tui.transcript.widget import Transcript

__all__ = ["CodeBlock", "Transcript"]
