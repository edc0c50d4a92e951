"""A local HTTP server that speaks the providers' real wire formats, well and badly, and tests through the real SDKs."""
