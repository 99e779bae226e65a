"""The headline figures, one file each: `python -m benchmarks [NAME…] [--json FILE]`.

Every figure is measured against a limit or beside a peer in the same run. A broken limit ends in exit code 1.
"""
