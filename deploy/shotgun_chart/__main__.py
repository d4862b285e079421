"""Writes what is made of the models: the chart's values.schema.json, and the table of values in its README.md."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from shotgun_chart.schema import schema_text
from shotgun_chart.table import readme_with_table

CHART = Path(__file__).parents[1] / "helm" / "shotgun-stream"


def generated(chart: Path = CHART) -> Mapping[Path, str]:
    """The files that are made, and what each must hold today. Raises ValueError when the README has no place for it."""
    readme = chart / "README.md"
    return {
        chart / "values.schema.json": schema_text(),
        readme: readme_with_table(readme.read_text("utf-8")),
    }


def main() -> None:
    """Write them all."""
    try:
        files = generated()
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    for path, text in files.items():
        path.write_text(text, "utf-8")
        sys.stdout.write(f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}\n")


if __name__ == "__main__":
    main()
