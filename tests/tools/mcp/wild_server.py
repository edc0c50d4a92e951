"""An MCP server for tests: raw JSON-RPC over stdio, as well or as badly behaved as its first argument says.

Usage: ``python wild_server.py BEHAVIOUR [LOG]``. Whatever it is sent is appended to LOG, one message a line.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

KIND = sys.argv[1] if len(sys.argv) > 1 else "good"
LOG = Path(sys.argv[2]) if len(sys.argv) > 2 else None
OBJECT: dict[str, Any] = {"type": "object", "properties": {}}
TEXT: dict[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SUM: dict[str, Any] = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
TOOLS: list[dict[str, Any]] = [
    {"name": "echo", "description": "Give the text back.", "inputSchema": TEXT, "annotations": {"readOnlyHint": True}},
    {"name": "set", "inputSchema": TEXT, "annotations": {"idempotentHint": True}},
    {"name": "sum", "inputSchema": {"type": "object"}, "outputSchema": SUM},
    *(
        {"name": name, "inputSchema": OBJECT}
        for name in ("fail", "die", "hang", "slow", "picture", "big", "environment", "wrong", "refuse", "many")
    ),
    *(  # these ask their client, and give back what they are told
        {"name": name, "inputSchema": OBJECT} for name in ("ask", "ask_amid", "between", "ask_page", "sample", "roots")
    ),
]


def send(message: dict[str, Any]) -> None:
    """Write one message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(value: str, **more: Any) -> dict[str, Any]:
    """A result of one text."""
    return {"content": [{"type": "text", "text": value}], **more}


def tools(cursor: str | None) -> dict[str, Any]:
    """The list of tools, a page of it."""
    if KIND == "five hundred":
        first = int(cursor or 0)
        page = [{"name": f"tool{number:03}", "inputSchema": OBJECT} for number in range(first, first + 100)]
        return {"tools": page, **({"nextCursor": str(first + 100)} if first < 400 else {})}
    if KIND == "endless":
        return {"tools": [{"name": "again", "inputSchema": OBJECT}], "nextCursor": "same"}
    if KIND == "odd":
        wrong = {"type": "object", "properties": {"a": {"type": "number of things"}}}
        twice = [{"name": "twice", "description": which, "inputSchema": OBJECT} for which in ("first", "second")]
        long = {"name": "x" * 100, "inputSchema": OBJECT}
        names = [{"name": "a b/ç", "inputSchema": OBJECT}, {"name": "wild_b", "inputSchema": OBJECT}]
        return {"tools": [{"name": "wrong", "inputSchema": wrong}, *twice, long, *names]}
    if KIND == "no list":
        return {"tools": "none today"}
    if KIND == "changing" and LOG is not None and "fail" in LOG.read_text():
        return {"tools": [{"name": "new", "inputSchema": OBJECT}]}
    return {"tools": TOOLS}


FORM = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "ask": ("elicitation/create", {"message": "How old?", "requestedSchema": FORM}),
    "ask_page": (
        "elicitation/create",
        {"mode": "url", "message": "Sign in.", "url": "https://example.com/in", "elicitationId": "e1"},
    ),
    "sample": (
        "sampling/createMessage",
        {"messages": [{"role": "user", "content": {"type": "text", "text": "Say hi."}}], "maxTokens": 9},
    ),
    "roots": ("roots/list", {}),
}


HELD: list[dict[str, Any]] = []
"""Calls of ``ask_amid``: they ask once a call of ``between`` runs beside them."""


def call(request: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Do what a tool does; None for no answer."""
    if name in ("echo", "set"):
        return text(arguments["text"])
    if name == "environment":
        return text(json.dumps(dict(os.environ)))
    if name == "fail" and KIND == "changing":
        send({"method": "notifications/tools/list_changed"})
    if name == "die":
        print("out of memory", file=sys.stderr, flush=True)
        os._exit(3)
    if name == "ask_amid":
        HELD.append({"id": f"for {request['id']}", "method": ASKED["ask"][0], "params": ASKED["ask"][1]})
        return None
    if name == "between":
        send(HELD.pop())
        time.sleep(0.4)
        return text("done")
    if name in ASKED:
        method, params = ASKED[name]
        send({"id": f"for {request['id']}", "method": method, "params": params})
        return None
    if name == "slow":
        token = request["params"]["_meta"]["progressToken"]
        for done in (1, 2):
            given = {"progressToken": token, "progress": done, "total": 4, "message": f"part {done}"}
            send({"method": "notifications/progress", "params": given})
    return given_back(name, arguments)


def given_back(name: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a tool gives that does nothing."""
    image = {"type": "image", "data": base64.b64encode(b"\x89PNG").decode(), "mimeType": "image/png"}
    results: dict[str, dict[str, Any]] = {
        "sum": text("see there", structuredContent={"sum": "three" if arguments else 3}),
        "fail": text("no such ticket", isError=True),
        "slow": text("done"),
        "picture": {"content": [image]},
        "wrong": {"content": "not a list"},
        "many": {"content": [{"type": "text", "text": json.dumps({"n": n})} for n in range(2)]},
    }
    return text("x" * 50_000_000) if name == "big" else results.get(name)


def answer(request: dict[str, Any]) -> None:
    """Answer one request."""
    method, params = request["method"], request.get("params", {})
    if method == "initialize":
        if KIND == "refusing":
            send({"id": request["id"], "error": {"code": -32603, "message": "no licence"}})
            return
        capabilities = {"tools": {"listChanged": True}}
        info = {"name": "wild", "version": "1"}
        result = {"protocolVersion": params["protocolVersion"], "capabilities": capabilities, "serverInfo": info}
        send({"id": request["id"], "result": result})
    elif method == "tools/list":
        send({"id": request["id"], "result": tools(params.get("cursor"))})
    elif method == "tools/call" and params["name"] == "refuse":
        send({"id": request["id"], "error": {"code": -32602, "message": "text: too long"}})
    elif method == "tools/call":
        result = call(request, params["name"], params.get("arguments", {}))
        if result is not None:
            send({"id": request["id"], "result": result})
    else:
        send({"id": request["id"], "error": {"code": -32601, "message": "Method not found"}})


def main() -> None:
    """Behave."""
    if KIND == "broken":
        sys.exit("ModuleNotFoundError: No module named 'ticketing'")
    if KIND == "silent":
        print("still loading the index", file=sys.stderr, flush=True)
    if KIND == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=subprocess.DEVNULL)
        Path(sys.argv[3]).write_text(f"{os.getpid()} {child.pid}")
    if KIND == "chatty":
        print("Welcome to the wild server!", flush=True)
    if KIND == "once" and LOG is not None and LOG.exists():
        sys.exit("the port is taken")
    for line in sys.stdin:
        if LOG is not None:
            with LOG.open("a") as log:
                log.write(line)
        message = json.loads(line)
        if KIND == "chatty":
            print("\x1b[1mgot\x1b[0m one", message.get("method"), flush=True)
        if KIND != "silent" and "id" in message and "method" in message:
            answer(message)
        elif str(message.get("id")).startswith("for "):
            told = {key: message[key] for key in ("result", "error") if key in message}
            send({"id": int(message["id"][4:]), "result": text(json.dumps(told))})
    while KIND == "stubborn":
        time.sleep(60)


if __name__ == "__main__":
    main()
