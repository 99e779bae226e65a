"""What fills a port: files, databases, keys, the clock and the ways to reach an app."""
