"""``python -m deploy.local.admin keys|tenants ...``: Motif's admin command on this stack."""

import os
import sys

from deploy.local.background import NotRunning, running
from deploy.local.layout import state_folder
from services.ingest.identity import admin


def main() -> None:
    """Do one command in the Firestore of the stack that runs."""
    try:
        info = running(state_folder(os.environ))
    except NotRunning as exc:
        sys.exit(str(exc))
    os.environ["FIRESTORE_EMULATOR_HOST"] = info["firestore"]
    admin.main(["--project", info["project"], *sys.argv[1:]])


if __name__ == "__main__":
    main()
