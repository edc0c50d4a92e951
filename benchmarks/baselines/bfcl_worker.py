"""BFCL's stateful environments at work, in an environment that has ``bfcl-eval``: a JSON line in, a JSON line out.

``{"do": "parallel"}`` gives every question whose calls are all known at once, over tools of its own, with those calls.
``{"do": "cases"}`` gives every conversation of the multi-turn set with its tools, its right calls and what they gave;
``open``, ``call`` and ``close`` play one: what is closed is compared with what the right calls lead to, attribute by
attribute, as BFCL's own checker does.
"""
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import ast
import copy
import importlib
import json
import sys
from importlib import resources
from typing import Any

from bfcl_eval.constants.executable_backend_config import (
    CLASS_FILE_PATH_MAPPING,
    MULTI_TURN_FUNC_DOC_FILE_MAPPING,
    STATELESS_CLASSES,
)

DATA = resources.files("bfcl_eval") / "data"
SET = "BFCL_v4_multi_turn_base.json"
PARALLEL = "BFCL_v4_parallel_multiple.json"
Environments = dict[str, Any]


def lines(*path: str) -> list[dict[str, Any]]:
    """Return the lines of one of the package's data files."""
    return [json.loads(line) for line in DATA.joinpath(*path).read_text(encoding="utf-8").splitlines() if line.strip()]


class Desk:
    """Every conversation, and those that are being played."""

    def __init__(self) -> None:
        self._rows = {row["id"]: row for row in lines(SET)}
        self._right = {row["id"]: row["ground_truth"] for row in lines("possible_answer", SET)}
        self._docs: dict[str, list[dict[str, Any]]] = {
            name: lines("multi_turn_func_doc", file)
            for name, file in MULTI_TURN_FUNC_DOC_FILE_MAPPING.items()
            if any(name in row["involved_classes"] for row in self._rows.values())
        }
        self._open: dict[int, tuple[str, Environments]] = {}

    def answer(self, told: dict[str, Any]) -> Any:
        """Do what is asked."""
        if told["do"] == "cases":
            return {"docs": self._docs, "rows": [self._case(name) for name in self._rows]}
        if told["do"] == "parallel":
            return parallel()
        if told["do"] == "open":
            self._open[told["run"]] = (told["id"], self._made(told["id"]))
            return None
        if told["do"] == "call":
            return called(self._open[told["run"]][1], told["tool"], told["arguments"])
        name, environments = self._open.pop(told["run"])
        return differences(environments, self._played(name)[0])

    def _case(self, name: str) -> dict[str, Any]:
        row, (_, calls) = self._rows[name], self._played(name)
        turns = [" ".join(message["content"] for message in turn) for turn in row["question"]]
        return {"id": name, "turns": turns, "classes": row["involved_classes"], "calls": calls}

    def _made(self, name: str) -> Environments:
        row, made = self._rows[name], dict[str, Any]()
        for one in row["involved_classes"]:
            made[one] = getattr(importlib.import_module(CLASS_FILE_PATH_MAPPING[one]), one)()
            if one not in STATELESS_CLASSES:
                made[one]._load_scenario(copy.deepcopy(row["initial_config"].get(one, {})), long_context=False)
        return made

    def _played(self, name: str) -> tuple[Environments, list[dict[str, Any]]]:
        """Make the right calls; return what they lead to, and each with what it gave."""
        environments, calls = self._made(name), list[dict[str, Any]]()
        for written in (call for turn in self._right[name] for call in turn):
            tool, arguments = self._read(written, environments)
            before = copy.deepcopy({name: public(one) for name, one in environments.items()})
            value = called(environments, tool, arguments)
            wrote = [name for name, one in environments.items() if public(one) != before[name]]
            calls.append({"tool": tool, "arguments": arguments, "value": value, "wrote": wrote})
        return environments, calls

    def _read(self, written: str, environments: Environments) -> tuple[str, dict[str, Any]]:
        call = ast.parse(written, mode="eval").body
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        docs = {doc["name"]: doc for name in environments for doc in self._docs[name]}
        names = list(docs[call.func.id]["parameters"]["properties"])
        arguments = {name: ast.literal_eval(value) for name, value in zip(names, call.args, strict=False)}
        arguments |= {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        return call.func.id, arguments


def parallel() -> list[dict[str, Any]]:
    """Return the questions as published, each with its right calls: by argument, every value that is right."""
    right = {row["id"]: row["ground_truth"] for row in lines("possible_answer", PARALLEL)}
    return [{**row, "ground_truth": right[row["id"]]} for row in lines(PARALLEL)]


def called(environments: Environments, tool: str, arguments: dict[str, Any]) -> Any:
    """Make a call; what it raises is what it gives, as BFCL has it."""
    method = next(getattr(one, tool) for one in environments.values() if hasattr(one, tool))
    try:
        return json.loads(json.dumps(method(**copy.deepcopy(arguments)), default=str))
    except Exception as exc:
        return {"error": str(exc)}


def public(environment: Any) -> dict[str, Any]:
    """Return an environment's state."""
    return {name: value for name, value in vars(environment).items() if not name.startswith("_")}


def differences(environments: Environments, right: Environments) -> list[str]:
    """Return the attributes that are not as they should be."""
    return [
        f"{name}.{attribute}"
        for name, one in right.items()
        for attribute, value in public(one).items()
        if getattr(environments[name], attribute) != value
    ]


def main() -> None:
    """Answer until stdin closes."""
    desk, out = Desk(), sys.stdout
    sys.stdout = sys.stderr  # what an environment prints is no answer
    for line in sys.stdin:
        out.write(json.dumps(desk.answer(json.loads(line)), ensure_ascii=False, default=str) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
