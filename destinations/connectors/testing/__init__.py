"""For the tests of connectors, and of what uses them.

`check_contract` tries whether a connector does what every connector must; `RecordingConnector` is one without
a system behind it.
"""

from destinations.connectors.testing.contract import ContractError, check_contract
from destinations.connectors.testing.http_peer import HttpPeer, SeenRequest
from destinations.connectors.testing.peer import Peer
from destinations.connectors.testing.recording import RecordingConnector

__all__ = ["ContractError", "HttpPeer", "Peer", "RecordingConnector", "SeenRequest", "check_contract"]
