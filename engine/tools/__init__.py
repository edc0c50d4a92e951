"""Tools: declared, built in, and from elsewhere."""
