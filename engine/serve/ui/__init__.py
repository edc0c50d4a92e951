"""The page at ``/``: ES modules as they are, no build step, nothing from elsewhere."""
