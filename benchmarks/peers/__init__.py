"""The same run in other tools. Each is installed into a throw-away environment of its own, and asserts what it counted.

The scripts in this folder run there and import nothing of Interlock.
"""
