"""Messages: requests and replies, both ways."""
