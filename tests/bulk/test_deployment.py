"""Files of docs/deploy agree with each other and with the command."""

import ast
import json
import re
import shlex
from typing import Any

import pytest
import yaml

from pyattn.commands.main import COMMANDS, new_parser
from support.paths import ROOT

FOLDER = ROOT / "docs" / "deploy"
if not FOLDER.is_dir():
    pytest.skip("the documents are not in the wheel", allow_module_level=True)

PORT = 5000
USER = 10001


def instructions(name: str) -> list[tuple[str, str]]:
    """A Dockerfile's instructions and what they are given."""
    lines = [line for line in (FOLDER / name).read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    parts = [line.partition(" ") for line in joined.splitlines() if line]
    return [(instruction, given) for instruction, _, given in parts]


def of(name: str, kind: str) -> list[str]:
    return [given for instruction, given in instructions(name) if instruction == kind]


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def containers() -> list[dict[str, Any]]:
    deployment = documents("kubernetes.yaml")[0]
    predictor = documents("kserve.yaml")[0]["spec"]["predictor"]
    return [*deployment["spec"]["template"]["spec"]["containers"], *predictor["containers"]]


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.model"])
def test_images_run_as_a_user_without_rights(name: str) -> None:
    assert of(name, "USER")[-1] == f"{USER}:{USER}"


def test_image_serves_where_its_health_is_checked() -> None:
    (check,) = of("Dockerfile", "HEALTHCHECK")
    assert f"http://127.0.0.1:{PORT}/health" in check
    compile(json.loads(check.split("CMD ")[1])[2], "check", "exec")
    assert of("Dockerfile", "EXPOSE") == [str(PORT)]
    assert json.loads(of("Dockerfile", "ENTRYPOINT")[0]) == ["pyattn"]


def test_image_is_built_of_the_sources_and_of_nothing_else() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"]
    assert rules[0] == "*"
    kept = {rule[1:] for rule in rules if rule[0] == "!"}
    project = (ROOT / "pyproject.toml").read_text()
    license_files = re.findall(r"^license-files = (.*)$", project, re.MULTILINE)
    folders = re.findall(r"^wheel.packages = (.*)$", project, re.MULTILINE)
    named = re.findall(r'"([^"]+)"', " ".join([*license_files, *folders]))
    needed = {name.partition("/")[0] for name in named}
    assert kept == needed | {"CMakeLists.txt", "README.md", "csrc", "pyproject.toml"}
    assert all((ROOT / name).exists() for name in kept)


def test_image_installs_extras_that_exist() -> None:
    declared = (ROOT / "pyproject.toml").read_text()
    (named,) = re.findall(r'"\.\[(.*?)\]"', (FOLDER / "Dockerfile").read_text())
    missing = {extra for extra in named.split(",") if f"\n{extra} = [" not in declared}
    assert missing <= ({"serve"} if "serve" not in COMMANDS else set())


def served() -> list[list[str]]:
    """The arguments of every `pyattn serve`."""
    found = [json.loads(of("Dockerfile", "CMD")[0])]
    found += [container["args"] for container in containers()]
    found += [documents("compose.yaml")[0]["services"]["pyattn"]["command"]]
    script = json.loads(of("Dockerfile.model", "ENTRYPOINT")[0])[2]
    words = shlex.split(script.replace("$SERVED", "en-de=model").replace("$@", ""))
    found += [[word for word in words[words.index("pyattn") + 1 :] if word]]
    return found


@pytest.mark.parametrize("arguments", served(), ids=range(len(served())))
def test_every_server_listens_on_the_port(arguments: list[str]) -> None:
    assert arguments[0] == "serve"
    assert arguments[arguments.index("--port") + 1] == str(PORT)
    assert arguments[arguments.index("--host") + 1] == "0.0.0.0"
    if "serve" not in COMMANDS:
        pytest.skip("this version has no command `serve`")
    new_parser()[0].parse_args(arguments)


def test_model_is_downloaded_by_a_command_that_exists() -> None:
    (run,) = of("Dockerfile.model", "RUN")
    words = shlex.split(run.split("&&")[0].replace("$MODEL", "org/name"))
    new_parser()[0].parse_args(words[1:])


@pytest.mark.parametrize("container", containers(), ids=["kubernetes", "kserve"])
def test_containers_are_restricted_and_probed(container: dict[str, Any]) -> None:
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert container["ports"][0]["containerPort"] == PORT
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]
    cpus = container["resources"]["limits"]["cpu"]
    assert container["args"][container["args"].index("--threads") + 1] == cpus


def test_service_and_scaling_are_those_of_the_deployment() -> None:
    deployment, service, scaler = documents("kubernetes.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == USER


def test_ray_serve_file_is_python() -> None:
    ast.parse((FOLDER / "ray_serve.py").read_text())
