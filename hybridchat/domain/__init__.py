"""Pure rules and values: no I/O, no asyncio, nothing outside the standard library and msgspec."""
