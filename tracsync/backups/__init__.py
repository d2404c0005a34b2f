"""Copies of the whole database: made while everything runs, brought back, and moved to PostgreSQL."""

from tracsync.backups.files import BackupError

__all__ = ["BackupError"]
