"""Hooks: importing this package fills the registry ``HOOKS``. There are none of our own yet."""
