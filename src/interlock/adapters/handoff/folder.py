"""A queue as a folder: one file a handoff, written whole or not at all."""

import json
from pathlib import Path

from interlock.adapters.folder import write_durably
from interlock.core.errors import HandoffError
from interlock.core.handoff import Packet


class FolderSink:
    """Puts `ID.json` and a readable `ID.txt` into a folder. The same handoff sent twice is one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, packet: Packet) -> str:
        """Durable when it returns. Returns the name of the file. Raises HandoffError."""
        text = json.dumps(packet.to_json(), indent=2, ensure_ascii=False) + "\n"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_durably(self._folder / f"{packet.id}.txt", ("\n".join(packet.lines()) + "\n").encode(), mode=0o600)
            write_durably(self._folder / f"{packet.id}.json", text.encode(), mode=0o600)
        except OSError as cause:
            raise HandoffError(
                f"the folder of queue `{packet.queue}` cannot be written: {cause.strerror}",
                hint="check `handoff` in operations.yaml, and the rights of the folder",
            ) from cause
        return f"{packet.id}.json"
