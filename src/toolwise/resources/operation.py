"""What a tool does to which resource."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a call does to the records of a resource."""

    CREATE = "create"
    """Adds a record."""
    GET = "get"
    """Returns one record."""
    LIST = "list"
    """Returns the records of a collection."""
    UPDATE = "update"
    """Changes fields of one record, or replaces it."""
    DELETE = "delete"
    """Removes one record."""
    OTHER = "other"
    """Anything else that is done to, or asked about, one record or a collection."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A tool as an operation on a resource. Parameter names are the tool's own."""

    action: Action
    resource: str
    """A stable name within the toolset, such as `projects/zones/instances` or `bucket`."""
    keys: tuple[str, ...] = ()
    """Parameters that identify one record, in order; empty for LIST and for CREATE with no name in its path."""
    scope: tuple[str, ...] = ()
    """Parameters that identify the collection (the record's parents), outermost first."""
    id_field: str | None = None
    """The field of a record, or of the response, that carries what `keys` names."""
    items_field: str | None = None
    """For LIST: the array field of the response; empty if the response is the array; none if it has no array."""
    record_field: str | None = None
    """The response field that holds the record; empty if the response is the record; none if it holds none."""
    key_parameter: str | None = None
    """For CREATE: the parameter by which a caller may name the new record; the world makes an id if it is absent."""
    key_prefix: str = ""
    """For records named by path: the collection's last segment, so that an id is `<parent>/<key_prefix>/<name>`."""
    parent: str | None = None
    """The resource to which the last parameter of `scope` belongs, if that is recognised too."""
    singleton: bool = False
    """There is exactly one record for each parent (`/users/{id}/profile`): it exists without being created."""
    upsert: bool = False
    """For CREATE: a record that exists already is replaced, not a conflict (PUT)."""
