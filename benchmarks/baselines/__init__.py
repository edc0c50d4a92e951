"""What we measure ourselves against: asyncio by hand, and other frameworks in environments of their own."""
