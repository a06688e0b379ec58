"""`python -m workers.lean`: the Lean workers of this host."""

from farm.queues import DEFAULT_ENVIRONMENT, lean_queue
from farm.settings import load
from workers.entry import run_worker
from workers.lean.tasks import create_app

if __name__ == "__main__":
    settings = load()
    app, room = create_app(settings)
    run_worker(app, "lean", lean_queue(DEFAULT_ENVIRONMENT), room.processes)
