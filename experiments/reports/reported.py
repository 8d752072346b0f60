"""The figures of the four reports."""

import json
from pathlib import Path
from typing import Any

REPORTED: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
"""Every reported figure by report and table; accuracies in percent."""

LOGS: dict[str, Any] = json.loads(Path(__file__).with_name("logs.json").read_text("utf-8"))
"""What the reports print next to their tables: losses and accuracies by epoch, confusion matrices."""
