"""The AWS world: tools of AWS service models are called through boto3, at any endpoint, over the guarded client."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from pydantic import Field

from toolwise.config import Config
from toolwise.connections.background import background
from toolwise.connections.guard import AddressPolicy, split_url
from toolwise.connections.http import GuardedClient, HttpLimits, HttpRequest, HttpRequestError
from toolwise.errors import ConfigError, MissingExtraError, WorldError
from toolwise.types import AwsBinding, Json, Observation, ObservationSource, Task, ToolCall, ToolErrorKind
from toolwise.worlds.aws_errors import failed_answer
from toolwise.worlds.aws_values import UnreadableAnswerError, request_values, response_json
from toolwise.worlds.consent import is_destructive, why_refused
from toolwise.worlds.credentials import Redaction
from toolwise.worlds.failures import failed
from toolwise.worlds.http_body import UnwritableError
from toolwise.worlds.tooling import Toolbox, ToolsetSource

_KEY, _SECRET, _TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"


class AwsWorldConfig(Config):
    """How AWS services are called."""

    endpoint: str | None = None
    """The address that plays AWS; none for AWS itself, which also needs `real_aws`."""
    real_aws: bool = False
    """Consent to calling AWS itself, with whatever that costs."""
    hosts: tuple[str, ...] = ()
    """Hosts that may be private, link-local or loopback."""
    region: str = "us-east-1"
    consent: bool = False
    """Call destructive tools too."""
    check_arguments: bool = True
    """Check arguments against the tool's schema before anything else; without it the service alone judges."""
    call_seconds: float = Field(default=30.0, gt=0)
    answer_bytes: int = Field(default=4_000_000, ge=1_000)


class AwsWorld:
    """Calls AWS services. Credentials come from the environment's standard variables and from nowhere else.

    The service keeps the state: sessions cannot be forked. With a `reset` hook, which must empty the service, every
    session starts in an empty one; then only one session can be in use at a time.
    """

    name = "aws"
    can_fork = False

    def __init__(
        self,
        tools: ToolsetSource,
        config: AwsWorldConfig | None = None,
        environment: Mapping[str, str] | None = None,
        reset: Callable[[], None] | None = None,
    ) -> None:
        """Raises ConfigError without credentials or consent, RefusedAddressError, MissingExtraError without boto3."""
        self.config = config or AwsWorldConfig()
        if self.config.endpoint is None and not self.config.real_aws:
            raise ConfigError("the aws world needs an endpoint; to call AWS itself, say so with real_aws")
        if self.config.endpoint is not None:
            split_url(self.config.endpoint)
        self.toolbox = Toolbox(tools)
        self.reset = reset
        given = os.environ if environment is None else environment
        if not given.get(_KEY) or not given.get(_SECRET):
            raise ConfigError(f"the aws world needs credentials; set {_KEY} and {_SECRET}")
        self.redaction = Redaction(given[name] for name in (_SECRET, _TOKEN) if given.get(name))
        self.clients = Clients(self.config, given)

    def open(self, task: Task) -> AwsSession:
        """A session; the service is emptied first if there is a `reset` hook. Raises WorldError if that fails."""
        if self.reset is not None:
            try:
                self.reset()
            except Exception as error:
                raise WorldError(f"the service could not be reset: {type(error).__name__}: {error}") from error
        return AwsSession(self, task)


class Clients:
    """boto3's clients by service, whose requests go through the guarded client."""

    def __init__(self, config: AwsWorldConfig, environment: Mapping[str, str]) -> None:
        try:
            import boto3
            from botocore.config import Config as BotoConfig
        except ImportError as error:
            raise MissingExtraError("the aws world", "worlds") from error
        self._session = boto3.Session(
            aws_access_key_id=environment[_KEY],
            aws_secret_access_key=environment[_SECRET],
            aws_session_token=environment.get(_TOKEN) or None,
            region_name=config.region,
        )
        self._boto_config = BotoConfig(
            retries={"total_max_attempts": 1, "mode": "standard"},
            s3={"addressing_style": "path"} if config.endpoint else {},
            inject_host_prefix=config.endpoint is None,
        )
        limits = HttpLimits(read_s=config.call_seconds, total_s=config.call_seconds, max_bytes=config.answer_bytes)
        self._transport = GuardedClient(AddressPolicy(config.hosts), limits)
        self._endpoint = config.endpoint
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The service's client. Raises botocore's errors for a service that it does not know."""
        with self._lock:  # making one is not safe in threads; using one is
            if service not in self._clients:
                made = self._session.client(service, endpoint_url=self._endpoint, config=self._boto_config)
                made.meta.events.register("before-send", self._send)
                self._clients[service] = made
            return self._clients[service]

    def _send(self, request: Any, **_: Any) -> Any:
        """Stand in for botocore's own transport. Raises HttpRequestError."""
        from botocore.awsrequest import AWSResponse

        body = request.body or b""
        content = body.read() if hasattr(body, "read") else body
        headers = {str(name): _text(value) for name, value in request.headers.items() if name.lower() != "expect"}
        sent = HttpRequest(
            request.method,
            request.url,
            headers,
            content.encode() if isinstance(content, str) else bytes(content),
            follow=False,
        )
        got = background().run_blocking(self._transport.send(sent))
        if got.status < 300 and not request.stream_output:
            _check_readable(got.content)
        kept = {name: value for name, value in got.headers.items() if name not in {"content-encoding"}}
        return AWSResponse(request.url, got.status, kept, _Raw(got.content))


def _check_readable(content: bytes) -> None:
    """Raises HttpRequestError for HTML and for JSON cut short, which botocore would read as an empty answer."""
    head = content[:100].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        raise HttpRequestError(ToolErrorKind.MALFORMED, "The service answered with HTML.")
    if head.startswith((b"{", b"[")):
        try:
            orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise HttpRequestError(ToolErrorKind.MALFORMED, "The service answered with invalid JSON.") from error


class _Raw(io.BytesIO):
    """A response's body as botocore reads it."""

    def stream(self, amt: int = 65_536, decode_content: bool | None = None) -> Iterator[bytes]:
        del decode_content
        while piece := self.read(amt):
            yield piece


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class AwsSession:
    """One run of one task on AWS services."""

    def __init__(self, world: AwsWorld, task: Task) -> None:
        self._world = world
        self._candidates = frozenset(task.candidates)

    async def call(self, call: ToolCall) -> Observation:
        """Call the service; whatever goes wrong is an Observation."""
        return await asyncio.to_thread(self.run, call)

    def run(self, call: ToolCall) -> Observation:
        """As `call`, for code that is not asynchronous."""
        config = self._world.config
        known = self._world.toolbox.find(call.name)
        if known is None or (self._candidates and call.name not in self._candidates):
            return failed(ToolErrorKind.UNKNOWN_TOOL, f"There is no tool named '{call.name}'.")
        problem = self._world.toolbox.checker(known).problem(call.arguments) if config.check_arguments else None
        if problem is not None:
            return failed(ToolErrorKind.INVALID_ARGUMENTS, problem.message, problem.field)
        if not isinstance(known.tool.binding, AwsBinding):
            return failed(ToolErrorKind.REFUSED, f"'{call.name}' is no operation of an AWS service.")
        if not config.consent and is_destructive(known.tool):
            return failed(ToolErrorKind.REFUSED, why_refused(known.tool))
        seen = self._make(known.tool.binding, call.arguments)
        body = self._world.redaction.json(seen.body)
        return seen if body is seen.body else seen.model_copy(update={"body": body})

    def _make(self, binding: AwsBinding, arguments: Mapping[str, Json]) -> Observation:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            EndpointProviderError,
            ParamValidationError,
            UnknownServiceError,
        )
        from botocore.model import OperationNotFoundError
        from botocore.parsers import ResponseParserError

        kinds: dict[type[Exception], ToolErrorKind] = {  # the first that fits
            ParamValidationError: ToolErrorKind.INVALID_ARGUMENTS,
            UnknownServiceError: ToolErrorKind.REFUSED,
            OperationNotFoundError: ToolErrorKind.REFUSED,
            EndpointProviderError: ToolErrorKind.INVALID_ARGUMENTS,  # a parameter that is part of the address
            BotoCoreError: ToolErrorKind.SERVER,
            ResponseParserError: ToolErrorKind.MALFORMED,
            UnreadableAnswerError: ToolErrorKind.MALFORMED,
            # botocore's customisations run before its own check and trip over wrong types:
            TypeError: ToolErrorKind.INVALID_ARGUMENTS,
            AttributeError: ToolErrorKind.INVALID_ARGUMENTS,
            LookupError: ToolErrorKind.INVALID_ARGUMENTS,
            ValueError: ToolErrorKind.INVALID_ARGUMENTS,
        }
        try:
            body = self._answer(binding, arguments)
        except ClientError as error:
            return failed_answer(dict(error.response))
        except HttpRequestError as error:
            return failed(error.kind, str(error))
        except UnwritableError as error:
            return failed(ToolErrorKind.INVALID_ARGUMENTS, str(error), error.field)
        except tuple(kinds) as error:
            kind = next(kind for cause, kind in kinds.items() if isinstance(error, cause))
            return failed(kind, " ".join(str(error).split()))
        return Observation(status=200, body=body, source=ObservationSource.REAL)

    def _answer(self, binding: AwsBinding, arguments: Mapping[str, Json]) -> Json:
        client = self._world.clients.client(binding.service)
        model = client.meta.service_model.operation_model(binding.operation)
        methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
        values = request_values(arguments, model.input_shape)
        return response_json(getattr(client, methods[binding.operation])(**values))

    def state(self) -> Mapping[str, Json]:
        """Empty: the service keeps the state."""
        return {}

    def snapshot(self) -> object:
        """Raises WorldError: services cannot be forked."""
        raise WorldError("the aws world cannot fork; ask `can_fork` first")

    def restore(self, snapshot: object) -> None:
        """Raises WorldError: services cannot be taken back."""
        raise WorldError("the aws world cannot fork; ask `can_fork` first")

    def prepare(self, call: ToolCall) -> None:
        """Nothing: records of real services are made by calls alone."""
