"""`python -m workers.premises`: the premise worker, one process with the index in it."""

from farm.celery_app import PREMISES_QUEUE
from farm.logs import configure_logs
from farm.settings import load
from workers.celery_worker import run_worker
from workers.premises.tasks import create_app

if __name__ == "__main__":
    configure_logs("premises")
    settings = load()
    run_worker(settings, create_app(settings), "premises", PREMISES_QUEUE, 1)
