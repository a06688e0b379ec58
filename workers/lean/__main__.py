"""`python -m workers.lean [FILE]`: the Lean workers of this host for one environment.

FILE is the file of an environment, such as a `NAME.env` in ENVIRONMENTS_DIR (farm/environments.py). Without FILE, the
settings name the environment.
"""

import sys
from pathlib import Path

from farm.celery_app import lean_queue
from farm.environments import load_environment
from farm.logs import configure_logs
from farm.models import lean_part
from farm.settings import load
from workers.celery_worker import run_worker
from workers.lean.tasks import create_app

if __name__ == "__main__":
    configure_logs("lean")
    settings = load_environment(Path(sys.argv[1])) if len(sys.argv) > 1 else load()
    app, room = create_app(settings)
    run_worker(
        settings, app, lean_part(settings.lean_environment), lean_queue(settings.lean_environment), room.processes
    )
