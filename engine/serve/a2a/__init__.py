"""The engine as an A2A agent: each assistant has a card and an endpoint, each run is a task.

``card`` says who an assistant is, ``asked`` reads requests, ``shapes`` writes answers in both versions of the protocol,
``portrait`` shows a run as a task, ``work`` begins, answers, steers and ends runs, ``updates`` tells a run as it goes,
``routes`` is the way in. What a message to a task means is read as in chats (``engine.serve.chat.speaking``).
"""
