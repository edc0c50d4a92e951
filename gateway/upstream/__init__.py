"""The one seam to providers' servers: a request out, an answer back, as bytes."""
