"""The configuration: a YAML file and the environment become frozen settings, or a list of everything that is wrong.

```python
settings = load(None, os.environ, installed_engines()).or_raise().settings
```
"""

from __future__ import annotations

from portevoix.config.loading import Loaded, find_file, load, load_content, load_values
from portevoix.config.problem import Origin, Problem
from portevoix.config.rows import Row, changed_keys, fingerprint, rows
from portevoix.config.settings import (
    AdvancedSettings,
    BackendSettings,
    CacheSettings,
    CircuitBreakerSettings,
    FeatureFlags,
    MonitoringSettings,
    ServerSettings,
    Settings,
    VoiceChoice,
)

__all__ = [
    "AdvancedSettings",
    "BackendSettings",
    "CacheSettings",
    "CircuitBreakerSettings",
    "FeatureFlags",
    "Loaded",
    "MonitoringSettings",
    "Origin",
    "Problem",
    "Row",
    "ServerSettings",
    "Settings",
    "VoiceChoice",
    "changed_keys",
    "find_file",
    "fingerprint",
    "load",
    "load_content",
    "load_values",
    "rows",
]
