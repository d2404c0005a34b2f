"""What several of these tests ask the recording connector."""

import pytest


@pytest.fixture
def said(recording):
    """What the destination was asked for, in order: operation and version."""

    def told():
        return [(one.operation, one.version) for one in recording.deliveries]

    return told
