#!/bin/sh
# Reads secrets from the files that first-start.sh wrote, and becomes the command. So neither the Compose file nor
# `docker inspect` shows the secrets.
set -eu

fail() {
    echo "farm-entrypoint: $1" >&2
    exit 1
}

if [ -n "${REDIS_URL_FILE:-}" ]; then
    REDIS_URL=$(cat "$REDIS_URL_FILE")
    [ -n "$REDIS_URL" ] || fail "$REDIS_URL_FILE is empty"
    export REDIS_URL
fi

# Without a login, Flower would let anyone who reaches it resize and stop workers. So it does not start without one.
if [ -n "${FLOWER_LOGIN_FILE:-}" ]; then
    FLOWER_BASIC_AUTH=$(cat "$FLOWER_LOGIN_FILE")
    [ -n "$FLOWER_BASIC_AUTH" ] || fail "$FLOWER_LOGIN_FILE is empty"
    export FLOWER_BASIC_AUTH
fi

exec "$@"
