"""Wire formats: what clients and providers write, to and from the neutral ``schemas.model``."""
