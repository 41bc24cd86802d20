"""The only way out: guarded clients per zone, and the framing of SSE and NDJSON on bytes."""
