"""The nouns: values in, values out. Read the files in the order that CONTRIBUTING.md gives."""
