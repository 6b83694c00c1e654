"""Evidence that a run is what its config says: a ledger while it trains, a replay afterwards."""
