"""Every case of the chart renders with helm 3 and 4 to the same objects, and no check has anything against them."""

from __future__ import annotations

from pathlib import Path

import pytest
from checks import findings
from manifests import parse
from rendering import CASES, MAJORS, NAMESPACE, RELEASE, canonical, case, helm, kept_template, rendered
from schema_checks import CHART, MIDDLE, OLDEST, kubernetes_schemas

FILES = [case(name) for name in CASES]


def test_the_chart_has_cases() -> None:
    assert {"minimal-values.yaml", "everything-values.yaml"} <= set(CASES)


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_helm_lint_has_nothing_to_say(file: Path, major: str) -> None:
    said = helm(major, "lint", "--strict", str(CHART), "--values", str(file))

    assert said.code == 0, said.out + said.err


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_helm_3_and_4_make_the_same_objects(file: Path) -> None:
    three, four = (rendered(major, file) for major in MAJORS)

    assert canonical(three) == canonical(four)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_check_finds_anything(file: Path) -> None:
    found = findings(rendered("4", file))

    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("version", [OLDEST, MIDDLE])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_older_versions_of_kubernetes_know_every_field(file: Path, version: str) -> None:
    said = kept_template("4", file, kubernetes=version)
    if said.code != 0:
        # What an old version does not have is refused, with the reason and a way out.
        assert f"this cluster has v{version}" in said.err
        assert file.name != "minimal-values.yaml"
        return

    found = list(kubernetes_schemas(parse(said.out), version))

    assert not found, "\n".join(found)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_notes_say_what_to_do_next(file: Path) -> None:
    # Of the two only helm 4 renders notes without a cluster.
    command = [
        "install",
        RELEASE,
        str(CHART),
        "--namespace",
        NAMESPACE,
        "--dry-run=client",
        "--values",
        str(file),
    ]
    said = helm("4", *command)

    assert said.code == 0, said.err
    notes = said.out.partition("\nNOTES:\n")[2]
    assert f"helm test {RELEASE}" in notes
    assert "<no value>" not in notes


@pytest.mark.parametrize("major", MAJORS)
def test_the_packaged_chart_is_the_same(major: str, tmp_path: Path) -> None:
    packed = helm(major, "package", str(CHART), "--destination", str(tmp_path))
    assert packed.code == 0, packed.err
    (archive,) = tmp_path.glob("*.tgz")

    # Of all cases this one needs what lies outside of the chart's folder: alerts and dashboard.
    file = case("monitoring-values.yaml")
    said = helm(major, "template", RELEASE, str(archive), "--namespace", NAMESPACE, "--values", str(file))

    assert said.code == 0, said.err
    assert canonical(parse(said.out)) == canonical(rendered(major, file))
