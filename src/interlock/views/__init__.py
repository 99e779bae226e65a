"""Faces of a verdict: values in, text out. Every one of them renders the same object."""
