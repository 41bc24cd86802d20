"""What decoding meets in a file that somebody else wrote."""

from __future__ import annotations

import msgspec

# The first is what msgspec says. The next three: a shape within an entry that no export had until now. The last two:
# bytes that are no text, and brackets without end.
BROKEN = (msgspec.MsgspecError, TypeError, AttributeError, KeyError, UnicodeDecodeError, RecursionError)


def why(error: Exception) -> str:
    """For the user; raw."""
    match error:
        case msgspec.MsgspecError():
            return str(error)
        case KeyError():
            return f"it lacks {error}"
        case UnicodeDecodeError():
            return "it is no UTF-8"
        case RecursionError():
            return "it is nested too deeply"
        case _:
            return f"its shape is not known ({error})"
