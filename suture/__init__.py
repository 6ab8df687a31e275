"""Suture: integration observability and business-SLA monitoring for healthcare enterprises."""

__version__ = "0.1.0"
