"""The HTTP mock as a real process on loopback."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate
from serving_catalog import DEPOT, running

Client = httpx.Client


def test_what_is_created_is_found_and_what_is_deleted_is_gone(depot: Client) -> None:
    made = depot.post("/crates", json={"label": "north wall", "weight": 2.5})
    assert made.status_code == 200
    crate = made.json()
    assert (crate["label"], crate["weight"]) == ("north wall", 2.5)
    assert depot.get(f"/crates/{crate['id']}").json()["label"] == "north wall"
    assert [found["id"] for found in depot.get("/crates").json()["crates"]] == [crate["id"]]
    assert depot.delete(f"/crates/{crate['id']}").status_code == 200
    gone = depot.get(f"/crates/{crate['id']}")
    assert gone.status_code == 404
    assert gone.json()["error"]["code"] == "not_found"


def test_sessions_do_not_see_each_other_and_reset_forgets(depot: Client) -> None:
    depot.post("/crates", json={"label": "mine"})
    assert depot.get("/crates", headers={"X-Session": "somebody else"}).json() == {"crates": []}
    assert depot.get("/__state").json()["records"]
    assert depot.post("/__reset", json={"seed": 9}).json()["seed"] == 9
    assert depot.get("/__state").json() == {}


def test_the_same_seed_answers_the_same(depot: Client) -> None:
    def answers(seed: int) -> Any:
        depot.post("/__reset", json={"seed": seed})
        return depot.post("/crates", json={"label": "same"}).json()

    assert answers(1) == answers(1)
    assert answers(1) != answers(2)


@pytest.mark.parametrize(
    ("request_of", "status", "said"),
    [
        ({"url": "/nowhere"}, 404, "/nowhere"),
        ({"url": "/crates", "method": "PATCH"}, 405, "GET, POST, PUT"),
        ({"url": "/openapi.json", "method": "POST"}, 405, "GET"),
        ({"url": "/crates", "method": "POST", "content": "{"}, 400, "not JSON"),
        ({"url": "/crates", "method": "POST", "content": '{"label": NaN}'}, 400, "not JSON"),
        ({"url": "/crates", "method": "POST", "content": "[" * 100_000}, 400, "not JSON"),
        ({"url": "/crates", "method": "POST", "json": ["label"]}, 400, "object"),
        ({"url": "/crates", "method": "POST", "json": {}}, 400, "label"),
        ({"url": "/crates", "method": "POST", "json": {"label": 7}}, 400, "label"),
        ({"url": "/crates", "method": "POST", "json": {"label": "x", "crate_id": "y"}}, 400, "crate_id"),
        ({"url": "/crates/7/label", "method": "POST", "json": {"text": "x", "crate_id": "y"}}, 400, "crate_id"),
        ({"url": "/crates", "method": "POST", "content": "<a/>", "headers": {"content-type": "text/xml"}}, 415, "json"),
        ({"url": "/crates", "method": "POST", "content": b"x" * (5 << 20)}, 413, "bytes"),
        ({"url": "/crates?colour=red"}, 400, "colour"),
        ({"url": "/crates", "headers": {"X-Trace": "perhaps"}}, 400, "boolean"),
        ({"url": "/crates", "cookies": {"theme": "pink"}}, 400, "dark, light"),
        ({"url": "/crates?where=7"}, 400, "object"),
        ({"url": "/__reset", "method": "POST", "json": {"seed": -1}}, 400, "seed"),
        ({"url": "/__reset", "method": "POST", "json": [1]}, 400, "seed"),
        ({"url": "/crates", "headers": {"host": "rebound.example"}}, 403, "machine"),
        ({"url": "/crates", "headers": {"X-Session": "s" * 200}}, 400, "X-Session"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(depot: Client, request_of: dict[str, Any], status: int, said: str) -> None:
    with httpx.Client(base_url=depot.base_url, timeout=20, cookies=request_of.pop("cookies", None)) as client:
        answer = client.request(**{"method": "GET", **request_of})
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]["message"]
    assert answer.headers["content-type"] == "application/json"
    if status == 405:
        assert answer.headers["allow"] == said


def test_arguments_come_from_every_place(depot: Client) -> None:
    places = {"params": {"tags": ["1", "2"], "where": '{"weight": 1.5}'}, "headers": {"x-trace": "true"}}
    with httpx.Client(base_url=depot.base_url, headers=depot.headers, cookies={"theme": "dark"}) as client:
        assert client.get("/crates", **places).status_code == 200  # type: ignore[arg-type]
    wrong = depot.get("/crates", params={"tags": ["1", "two"]}).json()["error"]
    assert wrong["field"] == "tags.1"


def test_forms_and_whole_bodies(depot: Client) -> None:
    crate = depot.post("/crates", json={"label": "plain"}).json()["id"]
    for sent in ({"data": {"text": "frail", "copies": "3"}}, {"json": {"text": "frail", "copies": 3}}):
        assert depot.post(f"/crates/{crate}/label", **sent).status_code == 200  # type: ignore[arg-type]
    multipart = {"text": (None, "frail"), "copies": (None, "many")}
    answer = depot.post(f"/crates/{crate}/label", files=multipart)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "copies")
    broken = depot.post(f"/crates/{crate}/label", content=b"--x", headers={"content-type": "multipart/form-data"})
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "malformed_form")
    assert depot.put("/crates", json=[{"label": "a long enough label"}]).status_code == 200
    assert depot.put("/crates", json={"label": "a"}).status_code == 400


def test_the_most_specific_route_answers(depot: Client) -> None:
    assert isinstance(depot.get("/crates/count").json(), int)
    crate = depot.post("/crates", json={"label": "plain"}).json()["id"]
    assert depot.post(f"/crates/{crate}:close").status_code == 200
    assert depot.get("/crates/a%2Fb").json()["error"]["message"].count("a/b") == 1


def test_a_resource_name_fills_its_segments(depot: Client) -> None:
    answer = depot.post("/v1/halls/west/crates/4:inspect")
    assert answer.status_code in (200, 404)
    assert depot.get("/v1/halls/west/crates").status_code == 404
    assert depot.get("/v1/halls/west/crates").json()["error"]["code"] == "unknown_path"
    missing = depot.get("/v1/halls/west/crates/4")
    assert missing.json()["error"]["code"] != "unknown_path"


def test_a_tool_whose_route_is_taken_has_its_own(depot: Client) -> None:
    crate = depot.post("/crates", json={"label": "plain"}).json()["id"]
    assert depot.post("/depot/get_crate_again", json={"key": crate}).json()["label"] == "plain"


def test_tools_without_a_binding_and_several_toolsets(two: Path) -> None:
    with running(two, "--as", "http") as about, Client(base_url=about["address"]) as client:
        added = client.post("/abacus/math.add", json={"a": 1, "b": 2})
        assert added.status_code == 200
        assert isinstance(added.json()["sum"], int | float)
        assert client.post("/abacus/math.add", json={"a": "one", "b": 2}).status_code == 400
        assert client.post("/abacus/math.add", content="a=1", headers={"content-type": "text/plain"}).status_code == 415
        assert client.get("/abacus/math.add").headers["allow"] == "POST"
        assert client.get("/depot/crates").json() == {"crates": []}
        assert client.get("/crates").status_code == 404
        document = client.get("/openapi.json").json()
        validate(document)
        operations = [operation for item in document["paths"].values() for operation in item.values()]
        assert len(operations) == about["tools"]
        assert len({operation["operationId"] for operation in operations}) == about["tools"]
        alone = client.get("/abacus/openapi.json").json()
        assert set(alone["paths"]) == {"/abacus/math.add", "/abacus/say"}


def test_the_document_is_valid_and_lists_every_tool(depot: Client) -> None:
    document = depot.get("/openapi.json").json()
    validate(document)
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len(operations) == len(DEPOT.tools)
    listing = document["paths"]["/crates"]["get"]["parameters"]
    assert [(p["name"], p["in"]) for p in listing] == [
        ("tags", "query"),
        ("X-Trace", "header"),
        ("theme", "cookie"),
        ("where", "query"),
    ]
    assert "/v1/halls/{halls_id}/crates/{crates_id}:inspect" in document["paths"]


def test_concurrent_requests_of_one_session_all_count(depot: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: depot.post("/crates", json={"label": f"crate {n}"}).json()["id"], range(40)))
    assert len(set(made)) == 40
    assert len(depot.get("/__state").json()["records"]["depot:crates"]) == 40
