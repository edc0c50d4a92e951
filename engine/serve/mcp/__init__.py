"""The engine as an MCP server: its assistants, plans and runs as tools and resources of any client.

``words`` and ``forms`` are what is said, ``listing`` the tools offered, ``calls`` what each does, ``watch`` follows a
run in the name of a call, ``resources`` shows runs, ``server`` puts all behind the SDK; ``stdio`` and ``web`` are the
two ways to it. Only ``engine mcp`` and the first request at /mcp import the SDK.
"""
