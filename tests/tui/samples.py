"""Fixed content for pictures and pilot tests."""

from __future__ import annotations

from hybridchat.domain.chat import MessageState, Role, Zone
from hybridchat.domain.outline import Node
from hybridchat.domain.stats import Counterfactual, Money, Percentiles, Side, Snapshot
from hybridchat.session.state import Chat

SNAPSHOT = Snapshot(
    local=Side(
        replies=112,
        failures=1,
        prompt_tokens=48_210,
        completion_tokens=61_904,
        ttft_ms=Percentiles(110, 84.0, 410.0),
        tokens_per_s=Percentiles(110, 41.2, 55.0),
        cost_chat=Money(None, 3),
        cost_today=Money(None, 12),
        cost_month=Money(None, 112),
    ),
    managed=Side(
        replies=23,
        failures=0,
        prompt_tokens=9_120,
        completion_tokens=14_077,
        ttft_ms=Percentiles(23, 640.0, None),
        tokens_per_s=Percentiles(23, 88.4, None),
        cost_chat=Money(0.0042, 0),
        cost_today=Money(0.0213, 1),
        cost_month=Money(1.38, 2),
    ),
    counterfactual=Counterfactual(usd=0.0341, replies=12, left_out=1, backend="openai", model="gpt-big"),
)

REPLY = """\
Yes. A **write-ahead log** keeps readers and the writer apart:

1. the writer appends to the log,
2. readers see the last commit before they began.

| mode | readers block | durable |
|---|---|---|
| rollback | yes | yes |
| WAL | no | yes |

```python
connection.execute("PRAGMA journal_mode=WAL")
print("ready")
```

See https://sqlite.org/wal.html for the details.
"""

CONVERSATION = ((Role.USER, "Does SQLite let me read while another process writes?"), (Role.ASSISTANT, REPLY))

THINKING = "They ask about speed. Journal mode, synchronous, and batching matter most."

STREAMED = """\
Three settings do most of the work:

- `journal_mode=WAL`, so that readers never wait,
- `synchronous=NORMAL`, one `fsync` less per commit,
- one transaction for many rows.

```sql
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
"""

TITLES = (
    "Why does my regex backtrack?",
    "A polite mail to the landlord",
    "Übersetzung: Rechnung ins Englische",
    "東京での三日間の予定",
    "[bold]not markup[/bold]",
    "Summarize the incident of last Tuesday in three sentences for the board",
    "git bisect, step by step",
    "SQLite: read while another writes",
)

TWO_WAYS = """\
In Python:

```python
connection.execute("PRAGMA journal_mode=WAL")
```

And from a shell:

```sh
sqlite3 notes.db 'PRAGMA journal_mode=WAL;'
```
"""


async def grown(chat: Chat) -> list[Node]:
    """The chat with another answer to its first question, and other words for that, both gone on from."""
    asked, said, at = Role.USER, Role.ASSISTANT, "2024-11-20T14:02:00+00:00"
    here = [message.id for message in chat.messages]
    cloud, lab = {"model": "gpt-big", "zone": Zone.MANAGED, "cost_usd": 0.0042}, {"model": "tiny", "zone": Zone.DEVICE}
    parents = dict(zip(here, [None, *here], strict=False))
    first = [Node(m.id, parents[m.id], m.role, m.text, at, **(lab if m.role is said else {})) for m in chat.messages]
    other = [
        Node(901, here[0], said, "Yes, with **WAL** mode: readers see the last commit.", at, **cloud),
        Node(902, 901, asked, "And over NFS?", at),
        Node(903, 902, said, "No: the index of the log is shared memory.", at, **cloud),
        Node(904, 902, said, "", at, state=MessageState.FAILED, **lab),
        Node(905, None, asked, "How do readers and a writer share one SQLite file?", at),
        Node(906, 905, said, "By a write-ahead log.", at, **lab),
    ]
    return [*first, *other]
