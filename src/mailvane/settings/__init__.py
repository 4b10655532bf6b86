"""YAML to frozen values; an error names file, line and key.

text -> nodes (document) -> data (outside) -> sections (drafting, model) -> rules -> values (building)
"""

from mailvane.settings.adding import append_server
from mailvane.settings.loading import default_settings, load
from mailvane.settings.masking import masked
from mailvane.settings.places import config_file, prepare_state, state_folder
from mailvane.settings.reference import reference
from mailvane.settings.schema import schema
from mailvane.settings.values import (
    ApiSettings,
    AuthSettings,
    CacheSettings,
    LogSettings,
    Settings,
    SweepSettings,
)

__all__ = [
    "ApiSettings",
    "AuthSettings",
    "CacheSettings",
    "LogSettings",
    "Settings",
    "SweepSettings",
    "append_server",
    "config_file",
    "default_settings",
    "load",
    "masked",
    "prepare_state",
    "reference",
    "schema",
    "state_folder",
]
