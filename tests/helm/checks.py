"""All checks of rendered objects, by name. Each is a function from objects to what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import configuration_checks
import container_checks
import object_checks
import rule_checks
import scaling_checks
import schema_checks
import security_checks
from manifests import Objects

Check = Callable[[Objects], Iterator[str]]

_ALL: tuple[Check, ...] = (
    schema_checks.kubernetes_schemas,
    schema_checks.custom_resources,
    object_checks.names,
    object_checks.labels,
    object_checks.selectors,
    object_checks.network_policies,
    object_checks.strategies,
    object_checks.disruption_budgets,
    object_checks.jobs,
    object_checks.scale_targets,
    object_checks.topics_kept,
    object_checks.hook_order,
    object_checks.references_exist,
    container_checks.duplicate_containers,
    container_checks.duplicate_env,
    container_checks.duplicate_ports,
    container_checks.duplicate_volumes,
    container_checks.duplicate_mounts,
    container_checks.volumes_exist,
    container_checks.port_names,
    container_checks.probe_ports,
    container_checks.quantities,
    container_checks.limits_cover_requests,
    container_checks.resources_named,
    container_checks.images,
    security_checks.restricted_pods,
    security_checks.non_root_users,
    security_checks.privileges,
    security_checks.read_only_roots,
    security_checks.no_api_token,
    security_checks.no_plain_secrets,
    scaling_checks.keda_triggers,
    scaling_checks.keda_bounds,
    rule_checks.promql,
    configuration_checks.own_configuration,
    configuration_checks.grace_exceeds_drain,
)
CHECKS: dict[str, Check] = {check.__name__: check for check in _ALL}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has against the objects."""

    check: str
    text: str

    def __str__(self) -> str:
        return f"[{self.check}] {self.text}"


def findings(objects: Objects) -> list[Finding]:
    """What all checks have against the objects; each thing once."""
    return [Finding(name, text) for name, check in CHECKS.items() for text in dict.fromkeys(check(objects))]
