"""Chat with assistants: one request is one intent, and a run is one reply."""
