"""Configuration as files: written without a secret, compared with what is here, applied as a whole."""
