import json
import subprocess
import sys
from pathlib import Path

import pytest

from small_documents import PROVIDERS, write_documents


def toolwise(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolwise", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    done = toolwise("catalog", "import", write_documents(folder / "documents"), "--out", folder / "catalog", "--json")
    assert done.returncode == 0, done.stderr
    return folder / "catalog"


def test_import_prints_one_json_document_and_keeps_progress_off_it(tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "documents")
    (documents / "broken.json").write_text('{"openapi": "3.1.0", "paths": ')
    done = toolwise("catalog", "import", documents, "--out", tmp_path / "catalog", "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 0
    assert result["toolsets"] == len(PROVIDERS)
    assert result["tools"] == 5 * len(PROVIDERS)
    assert [item["source"].rsplit("/", 1)[-1] for item in result["left_out"]] == ["broken.json"]
    assert result["left_out"][0]["reason"] == "malformed"
    assert result["seconds"] > 0


def test_stats_counts_everything(catalog: Path) -> None:
    result = json.loads(toolwise("catalog", "stats", catalog, "--json").stdout)
    assert result["tools"] == 5 * len(PROVIDERS)
    assert result["categories"]["Health"] == {"toolsets": 2, "tools": 10}
    assert result["left_out"] == {}
    assert toolwise("catalog", "stats", catalog).returncode == 0


def test_show_a_tool_and_a_toolset(catalog: Path) -> None:
    tool = json.loads(toolwise("catalog", "show", catalog, "lake_rowing.update_boat", "--json").stdout)
    assert tool["binding"]["method"] == "PATCH"
    assert "boat_id" in tool["parameters"]["required"]
    toolset = toolwise("catalog", "show", catalog, "lake_rowing")
    assert "lake_rowing.delete_boat" in toolset.stdout


def test_show_says_what_a_shared_schema_is(tmp_path: Path) -> None:
    reference = {"$ref": "#/components/schemas/Level"}
    parameter = {"name": "level", "in": "query", "schema": reference}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Locks"},
        "paths": {"/gates": {"get": {"operationId": "gates", "parameters": [parameter]}}},
        "components": {"schemas": {"Level": {"type": "integer", "description": "Water, in metres."}}},
    }
    (tmp_path / "locks.json").write_text(json.dumps(document))
    toolwise("catalog", "import", tmp_path / "locks.json", "--out", tmp_path / "catalog")
    assert (
        "  level: integer  Water, in metres." in toolwise("catalog", "show", tmp_path / "catalog", "locks.gates").stdout
    )


def test_retrieve_finds_the_tool_and_indexes_at_first_use(catalog: Path) -> None:
    result = json.loads(toolwise("retrieve", "get rid of a boat", "--catalog", catalog, "--json").stdout)
    assert result["hits"][0]["tool"].startswith("lake_rowing.")
    assert result["tools"] == 5 * len(PROVIDERS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("catalog", "import", "/no/such/file.json", "--out", "{tmp}/c"), "file.json"),
        (("catalog", "import", "{tmp}/text.json", "--out", "{tmp}/c"), "text.json"),
        (("catalog", "stats", "{tmp}"), "catalog"),
        (("retrieve", "anything", "--catalog", "{tmp}"), "catalog"),
        (("solve", "{tmp}", "--out", "{tmp}/o"), "tasks"),
        (("verify", "{tmp}"), "trajectories"),
        (("corpus", "{tmp}", "--out", "{tmp}/o"), "trajectories"),
        (("run", "{tmp}/absent.yaml"), "absent.yaml"),
        (("run", "{tmp}/typo.yaml"), "did you mean 'seed'?"),
        (("report", "{tmp}"), "--resume"),
        (("catalog", "import", "{tmp}", "--out", "{tmp}/c", "--format", "soap"), "openapi"),
    ],
)
def test_a_mistake_is_one_line_with_the_remedy(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "text.json").write_text("no JSON at all")
    (tmp_path / "typo.yaml").write_text("sed: 1\n")
    done = toolwise(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_help_does_not_import_what_is_heavy() -> None:
    program = (
        "import sys\nsys.argv = ['toolwise', '--help']\nfrom toolwise.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'torch', 'transformers', 'pyarrow', 'faker', 'bm25s', 'botocore', 'jinja2', 'numpy'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_a_missing_extra_is_named_before_any_work(tmp_path: Path) -> None:
    program = (
        "import sys\nsys.modules['torch'] = None\n"
        f"sys.argv = ['toolwise', 'demo', '--out', {str(tmp_path / 'demo')!r}]\n"
        "from toolwise.cli.app import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'toolwise[train]'" in done.stderr
    assert not (tmp_path / "demo").exists()
