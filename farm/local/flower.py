"""`python -m farm.local.flower`: Flower on the farm's broker, wherever its settings say that it is.

Flower's own options come from the environment (FLOWER_ADDRESS, FLOWER_PORT, FLOWER_BASIC_AUTH).
"""

from __future__ import annotations

import os
import sys

from farm.queues import celery_app
from farm.settings import load


def main() -> None:
    """Run Flower until SIGTERM; without a login it does not start."""
    if not os.environ.get("FLOWER_BASIC_AUTH"):
        sys.exit("Flower without a login lets anyone who reaches it stop workers: set FLOWER_BASIC_AUTH=USER:PASSWORD")
    app = celery_app(load())
    # Celery's command line would take the variable BROKER_URL for itself, as it stands: it is told what it means.
    app.start([f"--broker={app.conf.broker_url}", "flower"])


if __name__ == "__main__":
    main()
