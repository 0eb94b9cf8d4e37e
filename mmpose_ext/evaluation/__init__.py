"""Metrics: importing this package fills the registry ``METRICS``. There are none of our own yet."""
