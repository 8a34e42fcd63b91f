"""The AWS world against moto's own server, and against servers that do their worst."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback_server import serving
from toolwise.catalog import SourceFormat, import_catalog, open_catalog
from toolwise.errors import ConfigError, UserError, WorldError
from toolwise.types import (
    AwsBinding,
    Catalog,
    Observation,
    ObservationSource,
    Task,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
)
from toolwise.worlds.aws import AwsSession, AwsWorld, AwsWorldConfig
from toolwise.worlds.aws_errors import kind_of_error

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "s3cr3t-key"}
TASK = Task(instruction="", candidates=(), relevant=())
SERVICES = ("s3", "sqs", "dynamodb", "secretsmanager")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server_module = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = server_module.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Some real service models, under their services' names."""
    botocore = pytest.importorskip("botocore")
    folder = tmp_path_factory.mktemp("aws")
    for service in SERVICES:
        newest = max((Path(botocore.__file__).parent / "data" / service).iterdir())
        to = folder / "models" / service / newest.name
        to.mkdir(parents=True)
        (to / "service-2.json").write_bytes(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
    import_catalog([str(folder / "models")], folder / "catalog", format=SourceFormat.AWS_SERVICE)
    opened = open_catalog(folder / "catalog")
    return Catalog(toolsets=tuple(opened.toolset(name) for name in opened.names()))


def reset(url: str) -> None:
    request = urllib.request.Request(f"{url}/moto-api/reset", method="POST")  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass


def world(catalog: Catalog, url: str, **more: Any) -> AwsWorld:
    config = {"endpoint": url, "hosts": (url.removeprefix("http://"),), "consent": True, **more}
    return AwsWorld(catalog, AwsWorldConfig(**config), KEYS, reset=lambda: reset(url))


@pytest.fixture
def session(catalog: Catalog, moto: str) -> AwsSession:
    return world(catalog, moto).open(TASK)


def run(session: AwsSession, name: str, /, **arguments: Any) -> Observation:
    return asyncio.run(session.call(ToolCall(name=f"aws_{name}", arguments=arguments)))


def test_a_service_keeps_what_calls_put_there(session: AwsSession) -> None:
    made = run(session, "sqs.CreateQueue", QueueName="mail")
    assert (made.status, made.source) == (200, ObservationSource.REAL)
    url = made.body["QueueUrl"]
    assert run(session, "sqs.SendMessage", QueueUrl=url, MessageBody="hello").ok
    got = run(session, "sqs.ReceiveMessage", QueueUrl=url)
    assert [message["Body"] for message in got.body["Messages"]] == ["hello"]
    assert run(session, "sqs.DeleteQueue", QueueUrl=url).ok
    assert run(session, "sqs.GetQueueUrl", QueueName="mail").error is ToolErrorKind.NOT_FOUND


def test_bytes_streams_and_times_are_json(session: AwsSession) -> None:
    data = base64.b64encode(bytes(range(256))).decode()
    assert run(session, "s3.CreateBucket", Bucket="box-1").ok
    assert run(session, "s3.PutObject", Bucket="box-1", Key="a/ü b", Body=data).ok
    got = run(session, "s3.GetObject", Bucket="box-1", Key="a/ü b")
    assert got.body["Body"] == data
    assert "ResponseMetadata" not in got.body
    assert got.body["LastModified"].startswith("20")
    json.loads(got.content)
    row = {"id": {"S": "1"}, "raw": {"B": data}}
    table = {
        "TableName": "rows",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    assert run(session, "dynamodb.CreateTable", **table).ok
    assert run(session, "dynamodb.PutItem", TableName="rows", Item=row).ok
    assert run(session, "dynamodb.GetItem", TableName="rows", Key={"id": {"S": "1"}}).body["Item"] == row


def test_failures_are_typed(session: AwsSession) -> None:
    assert run(session, "s3.CreateBucket", Bucket="box-1").ok
    assert run(session, "s3.PutObject", Bucket="box-1", Key="k", Body="aGk=").ok
    seen = {
        "not found": run(session, "s3.GetObject", Bucket="box-1", Key="none"),
        "in use": run(session, "s3.DeleteBucket", Bucket="box-1"),
        "missing": run(session, "s3.GetObject", Bucket="box-1"),
        "no base64": run(session, "s3.PutObject", Bucket="box-1", Key="k", Body="@@"),
        "unknown tool": run(session, "s3.Nothing"),
    }
    kinds = {name: observation.error for name, observation in seen.items()}
    assert kinds == {
        "not found": ToolErrorKind.NOT_FOUND,
        "in use": ToolErrorKind.CONFLICT,
        "missing": ToolErrorKind.INVALID_ARGUMENTS,
        "no base64": ToolErrorKind.INVALID_ARGUMENTS,
        "unknown tool": ToolErrorKind.UNKNOWN_TOOL,
    }
    assert seen["in use"].body["error"]["code"] == "BucketNotEmpty"


def test_without_our_check_the_service_judges(catalog: Catalog, moto: str) -> None:
    session = world(catalog, moto, check_arguments=False).open(TASK)
    for arguments in ({}, {"Bucket": 7}, {"Bucket": "box-1", "NoSuchField": 1}, {"Bucket": "box-1", "Key": []}):
        assert run(session, "s3.GetObject", **arguments).error is ToolErrorKind.INVALID_ARGUMENTS


def test_a_reset_empties_the_service_for_every_session(catalog: Catalog, moto: str) -> None:
    opened = world(catalog, moto)
    assert run(opened.open(TASK), "secretsmanager.CreateSecret", Name="s", SecretString="x").ok
    assert run(opened.open(TASK), "secretsmanager.ListSecrets").body["SecretList"] == []
    session = opened.open(TASK)
    for act in (session.snapshot, lambda: session.restore(None)):
        with pytest.raises(WorldError):
            act()

    def broken() -> None:
        raise OSError("gone")

    with pytest.raises(WorldError, match="reset"):
        AwsWorld(catalog, opened.config, KEYS, reset=broken).open(TASK)


def test_consent_endpoints_and_credentials_are_asked_for(catalog: Catalog, moto: str) -> None:
    session = world(catalog, moto, consent=False).open(TASK)
    assert run(session, "s3.DeleteBucket", Bucket="box-1").error is ToolErrorKind.REFUSED
    for config, environment in (
        (AwsWorldConfig(), KEYS),
        (AwsWorldConfig(endpoint=moto), {}),
        (AwsWorldConfig(endpoint="ftp://h/"), KEYS),
    ):
        with pytest.raises(UserError):
            AwsWorld(catalog, config, environment)
    with pytest.raises(ConfigError, match="real_aws"):
        AwsWorld(catalog, None, KEYS)


def test_an_address_that_was_not_allowed_is_refused_before_any_connection(catalog: Catalog) -> None:
    with serving({}) as other:
        for hosts in ((), ("localhost",)):
            session = AwsWorld(catalog, AwsWorldConfig(endpoint=other.url, hosts=hosts), KEYS).open(TASK)
            assert run(session, "sqs.ListQueues").error is ToolErrorKind.REFUSED
        assert other.connections == 0


def test_hostile_services_are_typed_errors(catalog: Catalog) -> None:
    def redirect(wire: Any, _: Any) -> None:
        wire.answer(307, location="http://169.254.169.254/")

    def flood(wire: Any, _: Any) -> None:
        wire.answer(200, gzip.compress(b"\0" * 5_000_000), content_encoding="gzip")

    def leak(wire: Any, received: Any) -> None:
        wire.answer(
            400, json.dumps({"__type": "Odd", "message": f"your key is {KEYS['AWS_SECRET_ACCESS_KEY']}"}).encode()
        )

    def html(wire: Any, _: Any) -> None:
        wire.answer(200, b"<html>", content_type="text/html")

    def cut_short(wire: Any, _: Any) -> None:
        wire.answer(200, b'{"TableNames": ["a"', content_type="application/x-amz-json-1.0")

    def hang_up(wire: Any, _: Any) -> None:
        wire.hang_up()

    def run_against(route: Any) -> Observation:
        with serving(route) as server:
            config = AwsWorldConfig(endpoint=server.url, hosts=(server.host,), answer_bytes=100_000, call_seconds=3)
            return run(AwsWorld(catalog, config, KEYS).open(TASK), "dynamodb.ListTables")

    assert run_against(flood).error is ToolErrorKind.MALFORMED
    assert run_against(hang_up).error is ToolErrorKind.CONNECTION
    leaked = run_against(leak)
    assert leaked.error is ToolErrorKind.INVALID_ARGUMENTS
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in leaked.content
    assert not run_against(redirect).ok
    assert run_against(html).error is ToolErrorKind.MALFORMED
    assert run_against(cut_short).error is ToolErrorKind.MALFORMED


def test_a_tool_that_boto3_does_not_know_is_refused(moto: str) -> None:
    tools = []
    for name, service in (("Fly", "s3"), ("Go", "no-such-service")):
        binding = AwsBinding(service=service, operation=name, protocol="json", method="POST", path="/")
        tools.append(Tool(id=f"aws_odd.{name}", name=name, binding=binding))
    tools.append(Tool(id="aws_odd.Loose", name="Loose"))
    odd = Catalog(toolsets=(Toolset(name="aws_odd", tools=tuple(tools)),))
    session = world(odd, moto).open(TASK)
    assert {run(session, f"odd.{name}").error for name in ("Fly", "Go", "Loose")} == {ToolErrorKind.REFUSED}


@pytest.mark.parametrize(
    ("code", "message", "status", "kind"),
    [
        ("NoSuchBucket", "", 404, ToolErrorKind.NOT_FOUND),
        ("InvalidVpcID.NotFound", "", 400, ToolErrorKind.NOT_FOUND),
        ("AWS.SimpleQueueService.NonExistentQueue", "", 400, ToolErrorKind.NOT_FOUND),
        ("EntityAlreadyExists", "", 409, ToolErrorKind.CONFLICT),
        ("ResourceInUseException", "", 400, ToolErrorKind.CONFLICT),
        ("DependencyViolation", "", 400, ToolErrorKind.CONFLICT),
        ("InvalidClientTokenId", "", 403, ToolErrorKind.UNAUTHORIZED),
        ("ThrottlingException", "", 400, ToolErrorKind.RATE_LIMITED),
        ("ValidationException", "1 validation error detected", 400, ToolErrorKind.INVALID_ARGUMENTS),
        ("ValidationError", "Stack with id x does not exist", 400, ToolErrorKind.NOT_FOUND),
        ("InvalidParameterValue", "not found in the list of regions", 400, ToolErrorKind.INVALID_ARGUMENTS),
        ("InternalFailure", "", 500, ToolErrorKind.SERVER),
        ("Odd", "", 200, ToolErrorKind.SERVER),
    ],
)
def test_kinds_of_errors(code: str, message: str, status: int, kind: ToolErrorKind) -> None:
    assert kind_of_error(code, message, status) is kind
