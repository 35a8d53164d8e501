from __future__ import annotations

from edgelet.api.errors import FieldError
from edgelet.api.pod import Pod
from edgelet.intake import typed
from tests import builders


def _faults(document: dict[str, object]) -> list[str]:
    return [str(fault) for fault in typed.parse(document, Pod)[1]]


def test_every_wrong_type_is_named_with_its_path() -> None:
    container = {
        "name": 1,
        "args": [1],
        "env": [{"name": "A", "value": 1}, {}],
        "ports": [{"containerPort": "80", "hostPort": 80.5}],
        "livenessProbe": {"httpGet": {"port": True}},
        "resources": {"limits": {"cpu": "1x"}},
        "stdin": "yes",
    }
    document = builders.pod_document("web", container, volumes={}, restartPolicy="Sometimes", nodeSelector={"a": 1})

    assert _faults(document) == [
        "spec.volumes: Invalid value: must be a list, not a mapping",
        "spec.containers[0].name: Invalid value: must be a string, not a number",
        "spec.containers[0].args[0]: Invalid value: must be a string, not a number",
        "spec.containers[0].ports[0].hostPort: Invalid value: must be an integer, not a number",
        "spec.containers[0].ports[0].containerPort: Invalid value: must be an integer, not a string",
        "spec.containers[0].env[0].value: Invalid value: must be a string, not a number",
        "spec.containers[0].env[1].name: Required value",
        "spec.containers[0].resources.limits[cpu]: Invalid value: '1x' is no quantity such as 100m, 1.5Gi or 2e3",
        "spec.containers[0].livenessProbe.httpGet.port: Invalid value: must be a number or a string, not a boolean",
        "spec.containers[0].stdin: Invalid value: must be a boolean, not a string",
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
        "spec.nodeSelector[a]: Invalid value: must be a string, not a number",
    ]


def test_a_wrong_value_is_not_repeated() -> None:
    document = builders.pod_document("web", builders.container_document(env=[{"name": "PIN", "value": 4711}]))

    assert "4711" not in str(_faults(document))


def test_the_rest_is_still_a_value_with_unshifted_indexes() -> None:
    document = builders.pod_document("web", {"name": 1}, {"name": "b", "image": "x"}, restartPolicy="Nope")

    value, faults = typed.parse(document, Pod)

    assert value is not None
    assert value.spec.containers[1].name == "b"
    assert len(faults) == 2


def test_faults_inside_what_is_wrong_already_are_not_told_twice() -> None:
    wrong = (FieldError("spec.containers[0]", "Invalid value"),)
    judged = [FieldError("spec.containers[0].name", "Required value"), FieldError("spec.containers[1].name", "x")]

    assert typed.beside(wrong, judged) == (*wrong, judged[1])


def test_nothing_to_judge_where_the_document_is_of_another_kind() -> None:
    assert typed.parse({"kind": "ConfigMap", "metadata": []}, Pod)[1]


def test_where_more_than_a_hundred_fields_are_wrong_the_rest_is_not_judged() -> None:
    value, wrong = typed.parse(builders.pod_document(containers=[0] * 101), Pod)

    assert value is None
    assert [fault.path for fault in wrong] == [f"spec.containers[{index}]" for index in range(101)]
