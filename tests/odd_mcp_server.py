# ruff: noqa: ANN001, ANN003, ANN201, T201, PLW0603, PTH109, C901 - a program of its own, as bare as a server can be
"""An MCP server of plain Python that starts at once and misbehaves as its argument says; for tests of the client."""

import json
import os
import sys
import time
from pathlib import Path

mode = sys.argv[1] if len(sys.argv) > 1 else "good"
counter = 0


def tool(name, description, properties=None, required=(), **more):
    schema = {"type": "object", "properties": properties or {}, "required": list(required)}
    return {"name": name, "description": description, "inputSchema": schema, **more}


TEXT = {"type": "string"}
TOOLS = [
    tool("count", "Count the calls", outputSchema={"type": "object", "properties": {"count": {"type": "integer"}}}),
    tool("say", "Say a text", {"text": TEXT}, ["text"], annotations={"readOnlyHint": True}),
    tool("say json", "Say JSON", annotations={"title": "Say It"}),
    tool("fail", "Fail with a message", {"message": TEXT}, ["message"]),
    tool("refuse", "Answer with a protocol error"),
    tool("hang", "Never answer"),
    tool("die", "End the process"),
    tool("flood_line", "Answer with an endless line"),
    tool("flood_lines", "Send lines without end"),
    tool("big", "Answer with much"),
    tool("lie", "Break the schema", outputSchema={"type": "object", "properties": {"n": {"type": "integer"}}}),
    tool("delete_all", "Delete everything"),
    tool(
        "note", "Write a note", {"text": TEXT}, ["text"], annotations={"readOnlyHint": False, "destructiveHint": False}
    ),
    tool("notes", "Read the notes", annotations={"readOnlyHint": True}),
    tool("environment", "Show the environment", annotations={"readOnlyHint": True}),
    tool("picture", "Show a picture", annotations={"readOnlyHint": True}),
    tool("label", "Label a thing", {"the text": TEXT, "$to": TEXT, "the_text": TEXT}, ["the text"]),
    tool("where", "Tell where it is", {"path": TEXT}, annotations={"readOnlyHint": True}),
]


def send(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def text(value, **more):
    return {"content": [{"type": "text", "text": value}], **more}


def listing(params):
    if mode == "pages":
        at = int(params.get("cursor") or 0)
        page = {"tools": TOOLS[at : at + 5]}
        return {**page, "nextCursor": str(at + 5)} if at + 5 < len(TOOLS) else page
    if mode == "endless":
        return {"tools": [tool("same", "Again")], "nextCursor": "again"}
    if mode == "lying":
        return {
            "tools": [
                {"name": "no_schema", "description": "Has none"},
                {"name": "text_schema", "inputSchema": "not a schema"},
                {"name": "odd_type", "inputSchema": {"type": "object", "properties": {"a": {"type": "colour"}}}},
                {
                    "name": "remote",
                    "inputSchema": {"type": "object", "properties": {"a": {"$ref": "http://x.invalid/s"}}},
                },
                {"name": "", "inputSchema": {"type": "object"}},
                tool("good", "Is good"),
                tool("good", "Is its double"),
                tool("Łąka ☂ name", "Has letters of all sorts"),
                "not a tool",
            ]
        }
    return {"tools": [] if mode == "empty" else TOOLS}


def call(name, given):
    global counter
    notes = Path(os.environ.get("NOTES", "notes.txt"))
    counter += 1
    if name == "hang":
        time.sleep(60)
    elif name == "die":
        sys.stderr.write("out of luck\n")
        sys.stderr.flush()
        os._exit(7)
    elif name == "flood_line":
        while True:
            sys.stdout.write("x" * 65536)
    elif name == "flood_lines":
        while True:
            sys.stdout.write('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}\n')
    elif name == "note":
        notes.write_text((notes.read_text() if notes.exists() else "") + given["text"] + "\n")
        return text(f"written to {notes.resolve()}")
    simple = {
        "count": lambda: text("", structuredContent={"count": counter}),
        "say": lambda: text(given["text"]),
        "say json": lambda: text('{"said": [1, 2]}'),
        "fail": lambda: text(given["message"], isError=True),
        "big": lambda: text("y" * 3_000_000),
        "lie": lambda: text("", structuredContent={"n": "seven"}),
        "delete_all": lambda: text("deleted"),
        "label": lambda: text(json.dumps(given, sort_keys=True)),
        "notes": lambda: text(notes.read_text() if notes.exists() else ""),
        "environment": lambda: text(json.dumps(dict(os.environ))),
        "picture": lambda: {"content": [{"type": "image", "data": "QUJD", "mimeType": "image/png"}]},
        "where": lambda: text(f"{given.get('path')} in {os.getcwd()}"),
    }
    return simple[name]()


def main():
    if mode == "silent":
        time.sleep(60)
    if mode == "crash":
        sys.stderr.write("no licence found\n")
        sys.exit(4)
    if mode == "not_mcp":
        print("Welcome!", flush=True)
        while sys.stdin.readline():
            print("I do not understand", flush=True)
        return
    print("a line that is no message", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        method, params = request["method"], request.get("params") or {}
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        if method == "initialize":
            info = {"name": "odd/server", "title": "The Odd Server", "version": "1"}
            version = params["protocolVersion"]
            result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
            send({**reply, "result": {**result, "instructions": "Keeps notes. Use with care."}})
        elif method == "tools/list":
            send({**reply, "result": listing(params)})
        elif method == "tools/call" and params["name"] == "refuse":
            send({**reply, "error": {"code": -32602, "message": "bad params"}})
        elif method == "tools/call":
            send({**reply, "result": call(params["name"], params.get("arguments") or {})})
        else:
            send({**reply, "error": {"code": -32601, "message": "Method not found"}})


main()
