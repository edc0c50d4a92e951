"""Tools of an OpenAPI document, against a real server and OpenAI's own document."""

from __future__ import annotations

import base64
import gzip
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.dag.validate import faults, schema_fault
from engine.tools.openapi.document import Document
from engine.tools.openapi.operations import Describer, chosen
from engine.tools.openapi.tool import OpenAPITool, openapi_tools
from engine.tools.registry import RESERVED, from_settings
from schemas.errors import ConfigError, ToolArgumentsError, ToolError, ToolFailedError, ToolUnavailableError
from schemas.planning import StepCall
from schemas.settings import Settings, ToolSettings
from tests.tools.context import Context
from tests.tools.webserver import Answer, Sent, Server, serving

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent
SECRETS = {"TOKEN": "s3cret-token", "LOGIN": "ann:pa55", "KEY": "k/e=y"}
AUTH = {"token": "$TOKEN", "login": "$LOGIN", "key": "$KEY"}


def answer(sent: Sent) -> Answer:
    """Echo what came, or the status asked for with the secrets in the body."""
    path = sent.path.partition("?")[0]
    if path.startswith("/v1/status/"):
        status = int(path.rpartition("/")[2])
        headers = {"Retry-After": "3", "Location": f"http://elsewhere.invalid/?{sent.path.partition('?')[2]}"}
        body = f'{{"error": "not with {sent.path} {sent.headers.get("authorization")}"}}'
        return Answer(body.encode(), status, headers)
    if path.endswith("/photo"):
        return Answer("schön".encode(), headers={"Content-Type": "text/plain"})
    if sent.method in ("PUT", "DELETE"):
        return Answer(status=204)
    if path.startswith("/v1/open"):
        return Answer(b"\x89PNG", headers={"Content-Type": "image/png"})
    echo = {"path": sent.path, "headers": sent.headers, "body": sent.body.decode()}
    return Answer(json.dumps(echo).encode(), headers={"Content-Type": "application/json; charset=utf-8"})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The API."""
    with serving(answer) as running:
        yield running


def tools(server: Server | None = None, **entry: Any) -> dict[str, OpenAPITool]:
    """The shop's tools by name."""
    base = {"base_url": f"{server.url}/v1/"} if server else {}
    settings = ToolSettings.model_validate({"openapi": "shop.yaml", "auth": AUTH, **base, **entry})
    return {tool.spec.name: tool for tool in openapi_tools(settings, HERE, "tools[0]", RESERVED, SECRETS)}


async def refusal(tool: OpenAPITool, **arguments: Any) -> ToolError:
    """The error a call gives."""
    with pytest.raises(ToolError) as caught:
        await tool.call(arguments, Context())
    return caught.value


def test_each_operation_is_a_tool() -> None:
    """Names are made of operationIds, or method and path: legal, unique, not reserved, at most 64 characters long."""
    long = "an_operation_with_a_very_long_name_that_goes_on_and_on_and_on_an"
    assert list(tools()) == [
        "pets_list",
        "pets_create",
        "pets_list_2",
        "put_pets_petId",
        "step_2",
        "upload",
        long,
        *("status", "change"),
    ]
    assert tools(prefix="shop_")["shop_status"].spec.kind == "openapi"


def test_effects_and_resources_follow_from_method_and_path() -> None:
    """GET reads, PUT and DELETE may be repeated, POST must happen once; resources come from the path."""
    specs = {name: tool.spec for name, tool in tools(base_url="http://shop:80/v1").items()}
    assert {name: spec.effects for name, spec in specs.items() if not name.startswith(("an_", "status"))} == {
        "pets_list": "none",
        "pets_create": "effectful",
        "pets_list_2": "none",
        "put_pets_petId": "idempotent",
        "step_2": "idempotent",
        "upload": "effectful",
        "change": "effectful",
    }
    assert (specs["pets_list"].reads, specs["pets_list"].writes) == (("shop/pets",), ())
    assert (specs["pets_create"].reads, specs["pets_create"].writes) == ((), ("shop/pets",))
    assert specs["pets_list_2"].reads == ("shop/pets:{petId}",)
    assert specs["upload"].writes == ("shop/pets:{petId}", "shop/pets/photo")


def test_schemas_are_json_schema() -> None:
    """What OpenAPI 3.0 has of its own is rewritten, what is malformed is left out, what is recursive stands alone."""
    made = tools()
    for tool in made.values():
        assert schema_fault(tool.spec.input_schema) == ""
        assert schema_fault(tool.spec.output_schema or {}) == ""
    schema = made["pets_create"].spec.input_schema
    assert list(schema["properties"]) == ["limit", "name", "owner", "age", "size", "parent", "born", "odd"]
    assert schema["required"] == ["name"]
    good = {"name": "Rex", "owner": None, "age": None, "size": None, "parent": {"name": "Old"}, "born": "2024-02-02"}
    assert list(faults(schema, good)) == []
    bad: list[dict[str, Any]] = [{"age": 40}, {"size": "l"}, {"parent": {}}, {"owner": {}}, {"nmae": "x"}]
    assert [wrong for wrong in bad if not list(faults(schema, {"name": "Rex"} | wrong))] == []
    assert made["pets_list"].spec.description == "Lists *pets*. (GET /pets)"
    assert list(faults(made["pets_list"].spec.input_schema, {"filter_age": 0}))
    result = made["pets_create"].spec.output_schema or {}
    assert list(faults(result, {"name": "Rex"}))
    assert made["step_2"].spec.output_schema == {"type": "null"}


async def test_a_request_is_written_as_the_document_says(server: Server) -> None:
    """Query, header and cookie parameters in their styles, a secret as its scheme says."""
    arguments = {"limit": 5, "kind": ["cat", "a&b"], "ids": [1, 2], "filter_age": 3, "where": {"a": "x y"}}
    arguments |= {"X_Trace": "t", "session": "s 1", "shape": {"r": [1]}}
    got = await tools(server)["pets_list"].call(arguments, Context())
    assert got["path"] == (
        "/v1/pets?limit=5&kind=cat&kind=a%26b&ids=1,2&filter[age]=3&where[a]=x%20y&shape=%7B%22r%22%3A%5B1%5D%7D"
    )
    assert {key: got["headers"].get(key) for key in ("x-trace", "cookie", "authorization", "idempotency-key")} == {
        "x-trace": "t",
        "cookie": "session=s%201",
        "authorization": "Bearer s3cret-token",
        "idempotency-key": None,
    }


async def test_bodies_are_written_as_json_and_as_forms(server: Server) -> None:
    """A JSON body of the arguments that are its members; a form; a file in a multipart form; each once, by its key."""
    made = tools(server)
    got = await made["pets_create"].call({"name": "Rex", "age": None, "limit": 1}, Context())
    assert (json.loads(got["body"]), got["headers"]["content-type"]) == (
        {"name": "Rex", "age": None},
        "application/json",
    )
    assert (got["path"], got["headers"]["idempotency-key"]) == ("/v1/pets?limit=1", '"r:1"')
    assert (
        await made["put_pets_petId"].call({"petId": "a/b", "body": {"name": "x y", "tags": [1, 2]}}, Context()) is None
    )
    sent = server.requests[-1]
    assert (sent.method, sent.path, sent.body) == ("PUT", "/v1/pets/a%2Fb", b"name=x+y&tags=1&tags=2")
    file = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    assert await made["upload"].call({"petId": "1", "file": file, "title": "ä"}, Context()) == "schön"
    sent = server.requests[-1]
    assert b'name="file"; filename="file"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n' in sent.body
    assert 'name="title"\r\n\r\nä\r\n'.encode() in sent.body
    assert sent.headers["authorization"] == "Basic " + base64.b64encode(b"ann:pa55").decode()


async def test_one_key_for_all_attempts_of_a_step(server: Server) -> None:
    """Each attempt of a step that writes carries the same key as a quoted string; another step another one."""
    made = tools(server, include=["change"], effects="idempotent", max_attempts=2)
    assert "change" in made
    calls = [StepCall("r", step, "change", {"code": 503}, idempotency_key=f'r "é":{step}') for step in ("1", "1", "2")]
    for call in calls:
        with pytest.raises(ToolUnavailableError):
            await made["change"].call(call.input, Context(call))
    keys = [sent.headers["idempotency-key"] for sent in server.requests[-3:]]
    assert keys == ['"r \\"\\\\xe9\\":1"', '"r \\"\\\\xe9\\":1"', '"r \\"\\\\xe9\\":2"']


async def test_secrets_go_where_the_document_says(server: Server) -> None:
    """The first alternative that is configured is used; an operation that needs none gets none; headers go along."""
    made = tools(server, headers={"X-Version": "2", "X-Key": "$KEY"})
    await made["step_2"].call({"petId": "7"}, Context())
    assert server.requests[-1].path == "/v1/pets/7?api_key=k%2Fe%3Dy"
    name = next(name for name in made if name.startswith("an_"))
    assert await made[name].call({"a": "x", "b": "y"}, Context()) == {"content_type": "image/png", "base64": "iVBORw=="}
    sent = server.requests[-1]
    assert (sent.path, "authorization" in sent.headers) == ("/v1/open/x.y", False)
    assert (sent.headers["x-version"], sent.headers["x-key"]) == ("2", "k/e=y")
    await tools(server, auth="$TOKEN")["status"].call({"code": "200"}, Context())
    assert server.requests[-1].path.endswith("api_key=s3cret-token")


@pytest.mark.parametrize(
    ("code", "kind", "details"),
    [
        (400, ToolFailedError, {"status": 400}),
        (401, ToolFailedError, {"status": 401}),
        (302, ToolFailedError, {}),
        (429, ToolUnavailableError, {"status": 429, "retry_after_s": 3.0}),
        (503, ToolUnavailableError, {"status": 503, "retry_after_s": 3.0}),
    ],
)
async def test_what_an_api_refuses(server: Server, code: int, kind: type[ToolError], details: Any) -> None:
    """B37: a 4xx fails for good; 429 and 5xx may be tried again after Retry-After; the API's words are told."""
    error = await refusal(tools(server)["status"], code=code)
    assert (type(error), error.details) == (kind, details)
    assert f"GET /status/{{code}} answered {code}" in error.message


@pytest.mark.parametrize("code", [302, 400, 401, 500])
async def test_no_error_holds_a_secret(server: Server, code: int) -> None:
    """B74: an API that repeats key and header in its answer finds them blotted out of the error."""
    made = tools(server)
    for name in ("status", "change"):
        error = await refusal(made[name], code=code)
        text = f"{error} {error.message} {error.hint} {error.details}"
        assert not [secret for secret in (*SECRETS.values(), "k%2Fe%3Dy") if secret in text], text


async def test_arguments_cannot_leave_their_place(server: Server) -> None:
    """A value that would lead to another path or end a header is refused before anything is sent."""
    made = tools(server)
    before = len(server.requests)
    for value in ("..", ".", "", None):
        assert isinstance(await refusal(made["pets_list_2"], petId=value), ToolArgumentsError)
    for value in ("a\r\nX-Evil: 1", "日本"):
        assert isinstance(await refusal(made["pets_list"], X_Trace=value), ToolArgumentsError)
    assert len(server.requests) == before


async def test_an_api_that_is_not_there(server: Server) -> None:
    """A connection that is refused was certainly no effect; a secret that is missing is said by its name."""
    error = await refusal(tools(base_url="http://127.0.0.1:1")["change"], code=1)
    assert (type(error), error.details) == (ToolUnavailableError, {"ambiguous": False})
    with pytest.raises(ConfigError, match="MISSING is not set"):
        await tools(server, auth="$MISSING")["status"].call({"code": "200"}, Context())


def test_operations_are_chosen() -> None:
    """``include`` and ``exclude`` take operationIds, tags and paths with globs; one that fits nothing is named."""
    assert list(tools(include=["pets"], exclude=["POST /pets*"])) == ["pets_list", "pets_list_2"]
    assert list(tools(include=["/status/*", "upl*"])) == ["upload", "status", "change"]
    assert list(tools(include=["get /pets/{petId}"])) == ["pets_list"]
    with pytest.raises(ConfigError, match=r"tools\[0\].include: 'uplaod' fits no operation") as caught:
        tools(include=["uplaod"])
    assert caught.value.hint == "did you mean 'upload'?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no OpenAPI document but NoneType"),
        ("swagger: '2.0'", "is Swagger 2.0"),
        ("a: b", "is no OpenAPI document"),
        ("a: [", "is neither JSON nor YAML"),
        ("openapi: 3.1.0", "no operation"),
        ("openapi: 3.1.0\npaths: {/x: {get: {}}}", "does not say at which server"),
        ("openapi: 3.1.0\npaths: {/x: {$ref: 'other.yaml#/x'}}", "leads to another document"),
        ("openapi: 3.1.0\npaths: {/x: {$ref: '#/nowhere'}}", "leads nowhere"),
        ("openapi: 3.1.0\npaths: {/x: {$ref: '#/paths/~1x'}}", "leads in a circle"),
    ],
)
def test_a_wrong_document_is_said(tmp_path: Path, text: str, said: str) -> None:
    """What is no OpenAPI 3 document, or refers to nothing, is one line with the entry's place."""
    (tmp_path / "api.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        from_settings(Settings(tools=(ToolSettings(openapi="api.yaml"),)), tmp_path)
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_the_registry_takes_them_with_settings_on_top(tmp_path: Path) -> None:
    """An entry's effects and limits hold for all its tools; what belongs to documents belongs to no other tool."""
    entry = ToolSettings(openapi=str(HERE / "shop.yaml"), include=("pets",), effects="none", timeout_s=5)
    specs = from_settings(Settings(tools=(entry,)), tmp_path).specs()
    assert {(spec.effects, spec.timeout_s) for spec in specs.values()} == {("none", 5)}
    for wrong in (
        entry.model_copy(update={"name": "x"}),
        entry.model_copy(update={"openapi": "none.yaml"}),
        entry.model_copy(update={"auth": {"nosuch": "$X"}}),
        ToolSettings(builtin="calculate", include=("x",)),
    ):
        with pytest.raises(ConfigError, match=r"tools\[0\]"):
            from_settings(Settings(tools=(wrong,)), tmp_path)


@pytest.fixture(scope="module")
def openai() -> Document:
    """OpenAI's document."""
    folder = os.environ.get("ENGINE_BENCH_DATA")
    if not folder:
        pytest.skip("ENGINE_BENCH_DATA is not set: tests on public data are skipped")
    return Document(json.loads(gzip.decompress((Path(folder) / "openai-openapi.json.gz").read_bytes())), "openai")


def test_a_large_document_is_read_whole_and_fast(openai: Document) -> None:
    """Every operation of OpenAI's document becomes a tool in under 2 s of computing."""
    began = time.process_time()
    describer = Describer(openai, "", RESERVED)
    made = [describer.describe(one, openai.base_url(one)) for one in chosen(openai, [], [], "")]
    assert time.process_time() - began < 2
    assert len({one.spec.name for one in made}) == len(made) == 288


@pytest.mark.slow
def test_every_schema_of_a_large_document_is_valid(openai: Document) -> None:
    """Each input and output schema made of OpenAI's document is valid and stands alone."""
    describer = Describer(openai, "", RESERVED)
    for one in chosen(openai, [], [], ""):
        spec = describer.describe(one, openai.base_url(one)).spec
        assert schema_fault(spec.input_schema) == ""
        assert schema_fault(spec.output_schema or {}) == ""


def test_recorded_requests_fit_the_tool(openai: Document) -> None:
    """At least 98 % of recorded chat requests are arguments of the tool that the document describes."""
    (one,) = chosen(openai, ["createChatCompletion"], [], "")
    schema = Describer(openai, "", RESERVED).describe(one, openai.base_url(one)).spec.input_schema
    assert schema_fault(schema) == ""
    packed = Path(os.environ["ENGINE_BENCH_DATA"]) / "recorded_exchanges_half.jsonl.gz"
    records = [json.loads(line) for line in gzip.decompress(packed.read_bytes()).splitlines()]
    asked = [
        record["request_json"]
        for record in records
        if (record["provider"], record["status"], record["path"]) == ("openai", 200, "/v1/chat/completions")
    ]
    fitting = sum(not list(faults(schema, request)) for request in asked)
    assert len(asked) > 100
    assert fitting >= 0.98 * len(asked)
