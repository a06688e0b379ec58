"""`python -m workers.lean`: the Lean workers of this host for one environment."""

from farm.models import lean_part
from farm.queues import lean_queue
from farm.settings import load
from workers.entry import run_worker
from workers.lean.tasks import create_app

if __name__ == "__main__":
    settings = load()
    app, room = create_app(settings)
    run_worker(app, lean_part(settings.lean_environment), lean_queue(settings.lean_environment), room.processes)
