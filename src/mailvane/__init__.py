"""Mailvane tells the people who run their own mail servers whether mail is flowing, and if not, why."""

__version__ = "0.1.0"
