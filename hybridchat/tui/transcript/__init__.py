"""The transcript: a conversation drawn by lines, whose cost depends on what is visible."""

from hybridchat.tui.transcript.widget import CodeBlock, Transcript

__all__ = ["CodeBlock", "Transcript"]
