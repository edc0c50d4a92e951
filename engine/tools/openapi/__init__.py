"""Tools from OpenAPI documents: each operation of a web API is one."""
