"""Chat completions: requests and replies, both ways."""
