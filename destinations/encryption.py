"""Where landed migrations look for the encrypted field, which lives in tracsync/common/encryption.py."""

from tracsync.common.encryption import EncryptedJSONField

__all__ = ["EncryptedJSONField"]
