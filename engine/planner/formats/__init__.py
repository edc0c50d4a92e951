"""Plans as others write them: one module a format, each into the canonical plan; ``loading`` chooses among them."""
