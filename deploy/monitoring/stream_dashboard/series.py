"""Selectors of our metrics with the dashboard's variables, and the sums that recur."""

from __future__ import annotations

from collections.abc import Callable

Select = Callable[..., str]
GROUP = "namespace, team, group, plugin"


def producer(name: str, *matchers: str) -> str:
    """A metric of the producer, of the namespaces that are shown."""
    return _select("shotgun_producer_", name, 'namespace=~"$namespace"', *matchers)


def team(name: str, *matchers: str) -> str:
    """A metric of the consumer, of the teams that are shown. Matches series without a label team, too."""
    return _select("shotgun_consumer_", name, 'namespace=~"$namespace"', 'team=~"$team"', *matchers)


def group(name: str, *matchers: str) -> str:
    """The same, of the groups and plugins that are shown."""
    return team(name, 'group=~"$group"', 'plugin=~"$plugin"', *matchers)


def plugin(name: str, *matchers: str) -> str:
    """A metric that has no group, of the plugins that are shown."""
    return team(name, 'plugin=~"$plugin"', *matchers)


def rate(selector: str) -> str:
    """Per second, over as much time as a point of the graph stands for."""
    return f"rate({selector}[$__rate_interval])"


def increase(selector: str) -> str:
    """How much a counter has grown within the whole time that is shown: for single numbers."""
    return f"increase({selector}[$__range])"


def growth(selector: str) -> str:
    """How much a counter has grown at each point of a graph."""
    return f"increase({selector}[$__rate_interval])"


def per(labels: str, expr: str, how: str = "sum") -> str:
    """The sum, or another aggregate, for each of these labels."""
    return f"{how} by ({labels}) ({expr})"


def quantile(share: float, selector: str, labels: str = "") -> str:
    """A quantile of a histogram, for each of these labels."""
    by = f"le, {labels}" if labels else "le"
    return f"histogram_quantile({share:g}, {per(by, rate(selector))})"


def of_active(selector: str) -> str:
    """Only what the active producer says: of what it is about, a standby knows nothing or old things."""
    return f"{selector} and on (namespace, job, instance) {producer('active')} == 1"


def beside(selector: str, ours: str) -> str:
    """A metric that every process has, of the processes that have this one of ours."""
    return f"{selector} and on (namespace, job, instance) {ours}"


def _select(prefix: str, name: str, *matchers: str) -> str:
    return f"{prefix}{name}{{{', '.join(matchers)}}}"
