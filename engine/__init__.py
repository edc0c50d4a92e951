"""Plan-and-execute engine for LLM agents."""
