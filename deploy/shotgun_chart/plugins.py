"""Where a team's plugins come from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shotgun_chart.parts import Image, OverResources, Part, PullPolicy, Span, resources


class ImageVolume(Part):
    """An OCI image that holds nothing but plugins, mounted as a volume."""

    reference: str = ""
    """Such as `registry.studio.lan/anim-plugins:12`. Kubernetes 1.33 with the gate ImageVolume, on from 1.35."""
    pull_policy: PullPolicy = "IfNotPresent"
    """When the node asks the registry."""
    path: str = ""
    """Folder in that image; empty: its root."""


class PluginFiles(Part):
    """One small file or a few: less than 1 MiB together."""

    files: dict[Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$")], str] = {}
    """`{hello.py: "..."}`; the chart makes the ConfigMap."""
    existing: str = ""
    """Or the name of a ConfigMap that is there."""


class PluginClaim(Part):
    """A volume that is there, such as the studio's storage; mounted read-only."""

    claim_name: str = ""
    """Name of the claim. Network file systems tell nobody of changes: set `config.consumer.reload` to `poll`."""
    path: str = ""
    """Folder in that volume; empty: its root."""


class GitSync(Part):
    """A Git repository, kept up to date by a sidecar."""

    repo: str = ""
    """Such as `https://git.studio.lan/anim/plugins.git` or `git@git.studio.lan:anim/plugins.git`."""
    ref: str = "HEAD"
    """Branch, tag or commit."""
    path: str = ""
    """Folder in the repository; empty: its root."""
    period: Span = "30s"
    """How often it looks for something new."""
    depth: Annotated[int, Field(ge=0)] = 1
    """So many commits are fetched; 0: all."""
    ssh_secret: str = ""
    """Name of the Secret with an SSH key."""
    ssh_key: str = "ssh-privatekey"
    """Key of it in that Secret."""
    known_hosts_key: str = "known_hosts"
    """Key of the lines of known_hosts in that Secret, so that no other host can pose as the server."""
    https_secret: str = ""
    """Name of the Secret with name and password or token, for https."""
    https_username_key: str = "username"
    """Key of the name in that Secret."""
    https_password_key: str = "password"
    """Key of the password or token in that Secret."""
    image: Image = Image(repository="")
    """The program's image, of git-sync 4. Required with `repo`."""
    run_as_user: Annotated[int, Field(ge=1)] = 65533
    """The user that the image knows; ssh wants one with a name."""
    resources: OverResources = resources("20m", "32Mi", "128Mi")
    """What its container asks for, and what it may take."""
    extra_args: list[str] = []
    """More options of git-sync."""


class Plugins(Part):
    """Where the plugins come from."""

    paths: list[str] = []
    """Folders inside the image."""
    image_volume: ImageVolume = ImageVolume()
    """An OCI image that holds nothing but plugins, mounted as a volume."""
    config_map: PluginFiles = PluginFiles()
    """One small file or a few, less than 1 MiB together. A change reaches running pods within about a minute."""
    pvc: PluginClaim = PluginClaim()
    """A volume that is there, such as the studio's storage; mounted read-only."""
    git_sync: GitSync = GitSync()
    """A Git repository, kept up to date by a sidecar."""
