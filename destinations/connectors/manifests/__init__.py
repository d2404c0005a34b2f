"""The manifests that come with tracsync, each a connector: `hubspot.json` is HubSpot."""
