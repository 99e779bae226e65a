"""The guard inside an app."""
