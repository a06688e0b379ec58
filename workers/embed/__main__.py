"""`python -m workers.embed`: the embed worker, one process."""

from farm.celery_app import EMBED_QUEUE
from farm.logs import configure_logs
from farm.settings import load
from workers.celery_worker import run_worker
from workers.embed.tasks import create_app

if __name__ == "__main__":
    configure_logs("embed")
    settings = load()
    run_worker(settings, create_app(settings), "embed", EMBED_QUEUE, 1)
