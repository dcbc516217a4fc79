"""Read YAML by libyaml where PyYAML was built with it: the same values, several times as fast.

For the product's own sheets, of which every command reads all; what people write is read in `evidence.config`.
"""

from __future__ import annotations

from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(text: str | bytes) -> Any:
    """The document in `text`, of plain values alone; `yaml.YAMLError` if it is none."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both are safe loaders
