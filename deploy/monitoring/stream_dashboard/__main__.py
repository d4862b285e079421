"""`python -m stream_dashboard FILE` writes the dashboard to FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .board import dashboard

if __name__ == "__main__":
    text = json.dumps(dashboard(), indent=2, ensure_ascii=False)
    Path(sys.argv[1]).write_text(f"{text}\n", "utf-8")
