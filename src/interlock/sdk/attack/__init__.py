"""The attack run: a feature's own map and tools are attacked, on a scratch store, and what got through is counted."""
