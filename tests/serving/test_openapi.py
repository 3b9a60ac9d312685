"""The OpenAPI document: every endpoint once, under a name of its own."""

from typing import Any

import pytest

from support import service


@pytest.fixture(scope="module")
def document() -> Any:
    with service.client() as client:
        return client.get("/openapi.json").json()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_operations_have_names_of_their_own(document: Any) -> None:
    names = [one["operationId"] for _, _, one in operations(document)]
    assert len(names) == len(set(names)) > 30


def test_parameters_of_paths_are_described(document: Any) -> None:
    for path, method, operation in operations(document):
        named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, method


def test_answers_have_the_status_that_they_come_with(document: Any) -> None:
    statuses = {
        (path, method): min(operation["responses"])
        for path, method, operation in operations(document)
    }
    assert statuses["/v2/glossaries", "post"] == "201"
    assert statuses["/v3/glossaries/{id}", "delete"] == "204"
    assert statuses["/v2/translate", "post"] == "200"


def test_every_interface_is_there(document: Any) -> None:
    tags = {tag for _, _, one in operations(document) for tag in one["tags"]}
    assert tags >= {"libretranslate", "v1", "deepl", "google", "immersive", "operations"}
