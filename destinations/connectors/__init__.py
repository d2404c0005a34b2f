"""The code that speaks to external systems: the contract, the built-in connectors, their shared helpers."""
