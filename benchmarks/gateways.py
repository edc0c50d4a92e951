"""Gateways under measurement: ours, LiteLLM's proxy, Portkey's, and nginx as the limit; one worker each, on one CPU.

All stand in front of the same fixed answers. Ours runs with everything on that a production gateway has: a key, limits,
a budget, prices, accounting in a store, metrics. LiteLLM runs with a master key only (its keys and budgets need a
database), Portkey's open gateway has neither keys nor budgets, nginx is a bare reverse proxy.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.baselines.environment import node_with, python_with
from benchmarks.native import free_port, pinned, wait_for

OURS, LITELLM, PORTKEY, NGINX = "ours", "LiteLLM", "Portkey", "nginx"
START_S = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(slots=True)
class Gateway:
    """A gateway that runs.

    Attributes:
        port: Where it listens.
        headers: What requests to it need.
        start_s: Seconds from its start until it accepted a connection.
        pid: Of its first process.
    """

    name: str
    port: int
    headers: tuple[str, ...]
    start_s: float
    pid: int

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU that its processes used so far."""
        return sum(_cpu_s(pid) for pid in _family(self.pid))

    @property
    def rss_mb(self) -> float:
        """Megabytes of memory its processes hold."""
        return sum(_rss_mb(pid) for pid in _family(self.pid))


@contextmanager
def running(name: str, upstreams: Mapping[str, int], folder: Path, cpu: int) -> Generator[Gateway | None]:
    """Start a gateway on one CPU; None when it is not installed here.

    Args:
        name: One of the four.
        upstreams: Ports of providers by model name; the first is nginx's and Portkey's only one.
        folder: For its files.
        cpu: The CPU it runs on.
    """
    made = _MAKERS[name](upstreams, folder)
    if made is None:
        yield None
        return
    command, port, headers = made
    with started(name, ([*pinned(cpu), *command], port), folder, headers) as gateway:
        yield gateway


@contextmanager
def started(
    name: str, how: tuple[Sequence[str], int], folder: Path, headers: tuple[str, ...] = ()
) -> Generator[Gateway | None]:
    """Run a server until the block ends; None when it does not start, and its last words are told.

    Args:
        name: For the report.
        how: The command, and the port that it listens on.
        folder: Where it runs, and for its log.
        headers: What requests to it need.
    """
    command, port = how
    log = folder / f"{name}.log"
    began = time.monotonic()
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, cwd=folder, env=_environment()
        )
    try:
        wait_for(port, START_S)
        yield Gateway(name, port, headers, time.monotonic() - began, process.pid)
    except TimeoutError:
        print(f"LEFT OUT: {name} did not start: {log.read_text(errors='replace')[-300:]}", file=sys.stderr)
        yield None
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_Made = tuple[list[str], int, tuple[str, ...]] | None


def _ours(upstreams: Mapping[str, int], folder: Path) -> _Made:
    port = free_port()
    config = folder / "engine.yaml"
    store = folder / "gateway.db"
    model = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0, "requests_per_minute": 10_000_000}
    providers = [
        {"name": name, "kind": "openai", "base_url": f"http://127.0.0.1:{at}/v1", "api_key": "sk-upstream",
         "models": [{"name": name, "max_parallel": 10_000, **model}]}
        for name, at in upstreams.items()
    ]  # fmt: skip
    settings = {
        "model_providers": providers,
        "listeners": [{"name": "measured", "port": port, "keys": "required"}],
        "gateway": {"budgets": [{"of": "all", "usd": 1_000_000, "per": "day"}]},
        "store": str(store),
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    engine = [sys.executable, "-m", "engine.cli"]
    limits = ["--usd", "100000", "--per", "month", "--rpm", "10000000", "--max-parallel", "10000"]
    create = [*engine, "keys", "create", "measured", *limits, "--config", str(config), "--json"]
    done = subprocess.run(create, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)
    secret = json.loads(done.stdout)["secret"]
    return [*engine, "gateway", "--config", str(config)], port, (f"authorization: Bearer {secret}",)


def _litellm(upstreams: Mapping[str, int], folder: Path) -> _Made:
    python = python_with("litellm")
    if python is None:
        return None
    port = free_port()
    models = [
        {"model_name": name, "litellm_params": {"model": f"hosted_vllm/{name}", "api_key": "sk-upstream"}
         | {"api_base": f"http://127.0.0.1:{at}/v1"}}
        for name, at in upstreams.items()
    ]  # fmt: skip
    settings = {
        "model_list": models,
        "general_settings": {"master_key": "sk-measured"},
        "litellm_settings": {"telemetry": False},
    }
    config = folder / "litellm.yaml"
    config.write_text(json.dumps(settings), encoding="utf-8")
    command = [str(Path(python).parent / "litellm"), "--config", str(config), "--port", str(port)]
    return [*command, "--host", "127.0.0.1", "--num_workers", "1"], port, ("authorization: Bearer sk-measured",)


def _portkey(upstreams: Mapping[str, int], folder: Path) -> _Made:  # noqa: ARG001  it needs no files
    package, node = node_with("portkey"), shutil.which("node")
    if package is None or node is None:
        return None
    port = free_port()
    host = f"http://127.0.0.1:{next(iter(upstreams.values()))}/v1"
    headers = ("authorization: Bearer sk-upstream", "x-portkey-provider: openai", f"x-portkey-custom-host: {host}")
    script = package / "node_modules/@portkey-ai/gateway/build/start-server.js"
    return [node, str(script), f"--port={port}", "--headless"], port, headers


def _nginx(upstreams: Mapping[str, int], folder: Path) -> _Made:
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if nginx is None:
        print("LEFT OUT: nginx is not installed", file=sys.stderr)
        return None
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port, upstream=next(iter(upstreams.values()))))
    return [nginx, "-c", str(config), "-p", str(folder), "-e", str(folder / "nginx.err")], port, ()


_NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy; fastcgi_temp_path {folder}/nginx-f;
  uwsgi_temp_path {folder}/nginx-u; scgi_temp_path {folder}/nginx-s;
  keepalive_requests 100000000;
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""

_MAKERS: Mapping[str, Callable[[Mapping[str, int], Path], _Made]] = {
    OURS: _ours,
    LITELLM: _litellm,
    PORTKEY: _portkey,
    NGINX: _nginx,
}


def _environment() -> dict[str, str]:
    """The environment of a gateway: nothing of ours that could change how it answers."""
    kept = ("PATH", "HOME", "LANG", "XDG_CACHE_HOME", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def _family(pid: int) -> list[int]:
    """Return a process and all that come from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(_stat(int(entry.name))[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found.extend(children.get(each, []))
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of a process from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def _cpu_s(pid: int) -> float:
    try:
        fields = _stat(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _rss_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MB
    except OSError:
        return 0.0
