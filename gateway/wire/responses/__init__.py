"""Responses: requests and replies, both ways."""
