"""Two agents, each a server of its own that speaks chat completions: weather on port 10510, flights on 10520.

    python agents.py                  # both, until Ctrl-C
    python agents.py --down flights   # the flight agent answers 503 to every question

Nothing but Python is needed: what they know stands in data/.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
WEATHER: dict[str, list[dict[str, Any]]] = json.loads((DATA / "weather.json").read_text(encoding="utf-8"))
FLIGHTS: list[dict[str, Any]] = json.loads((DATA / "flights.json").read_text(encoding="utf-8"))
CITIES = sorted({*WEATHER, *(flight[end] for flight in FLIGHTS for end in ("from", "to"))})


def weather(question: str) -> str:
    """Answer a question about the weather."""
    cities = [city for city in cities_in(question) if city in WEATHER]
    if not cities:
        return f"I know the weather in {', '.join(WEATHER)}: which of them?"
    return "\n".join(f"{city}: {'; '.join(map(forecast, WEATHER[city]))}." for city in cities)


def forecast(day: dict[str, Any]) -> str:
    """Return one day in words."""
    return f"{day['day']} {day['sky']}, {day['low_c']} to {day['high_c']} °C, wind {day['wind_kmh']} km/h"


def flights(question: str) -> str:
    """Answer a question about flights: from the first city it names to the last."""
    cities = cities_in(question)
    if len(cities) < 2:
        return "From where to where? I know " + ", ".join(CITIES) + "."
    start, goal = cities[0], cities[-1]
    found = [flight for flight in FLIGHTS if (flight["from"], flight["to"]) == (start, goal)]
    if not found:
        return f"There is no direct flight from {start} to {goal}."
    return "\n".join(
        f"{one['flight']} {start} {one['departs']} → {goal} {one['arrives']}, {one['eur']} EUR" for one in found
    )


def cities_in(question: str) -> list[str]:
    """Return the cities a question names, in its order; what follows "to" is a goal and stands last."""
    low = question.lower()
    found = sorted((low.find(city.lower()), city) for city in CITIES if city.lower() in low)
    goals = [city for _, city in found if f"to {city.lower()}" in low]
    return [city for _, city in found if city not in goals] + goals


class Agent(BaseHTTPRequestHandler):
    """Speaks chat completions: the last message is the question; streamed or not."""

    protocol_version = "HTTP/1.1"
    name = ""
    answer: Callable[[str], str]
    down = False

    def do_GET(self) -> None:
        """Say that it is there."""
        self.send_json(200, {"object": "list", "data": [{"id": self.name, "object": "model"}]})

    def do_POST(self) -> None:
        """Answer a chat completion."""
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        if self.down:
            self.send_json(503, {"error": {"message": f"{self.name} is being repaired", "type": "server_error"}})
            return
        text = type(self).answer(str(body["messages"][-1]["content"]))
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            self.send_json(200, self.shape("chat.completion", choice))
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in self.events(text):
            self.wfile.write(f"data: {event}\n\n".encode())
        self.close_connection = True

    def events(self, text: str) -> Iterator[str]:
        """Yield an answer line by line."""
        for line in text.splitlines(keepends=True):
            delta = {"index": 0, "delta": {"role": "assistant", "content": line}, "finish_reason": None}
            yield json.dumps(self.shape("chat.completion.chunk", delta))
        yield json.dumps(self.shape("chat.completion.chunk", {"index": 0, "delta": {}, "finish_reason": "stop"}))
        yield "[DONE]"

    def shape(self, kind: str, choice: dict[str, Any]) -> dict[str, Any]:
        """Return a reply, or a piece of one."""
        return {
            "id": "chatcmpl-1",
            "object": kind,
            "created": int(time.time()),
            "model": self.name,
            "choices": [choice],
        }

    def send_json(self, status: int, value: dict[str, Any]) -> None:
        """Send one JSON object."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 its base's name
        """Say who was asked."""
        print(f"{self.name}: {format % args}", flush=True)


def serve(name: str, answer: Callable[[str], str], port: int, *, down: bool) -> ThreadingHTTPServer:
    """Serve one agent in a thread."""
    handler = type(name, (Agent,), {"name": name, "answer": staticmethod(answer), "down": down})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{name} on http://127.0.0.1:{server.server_address[1]}{', out of order' if down else ''}", flush=True)
    return server


def main() -> None:
    """Serve both until Ctrl-C."""
    parser = argparse.ArgumentParser(description="The weather agent and the flight agent.")
    parser.add_argument("--weather-port", type=int, default=10510)
    parser.add_argument("--flights-port", type=int, default=10520)
    parser.add_argument("--down", choices=("weather", "flights"), help="this one answers 503 to every question")
    options = parser.parse_args()
    serve("weather_agent", weather, options.weather_port, down=options.down == "weather")
    serve("flight_agent", flights, options.flights_port, down=options.down == "flights")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    main()
