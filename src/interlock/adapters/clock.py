"""The clock of this machine."""

from datetime import UTC, datetime


class SystemClock:
    """Fills `Clock` with the time of the operating system."""

    def now(self) -> datetime:
        """Aware UTC, to the microsecond."""
        return datetime.now(UTC)
