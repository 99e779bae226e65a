"""The verbs: what one does with bundles, evidence and pointers. They know ports, never adapters."""
