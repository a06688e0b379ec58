#!/bin/sh
# Makes the secrets of a farm, each once, in the volumes under /run/farm:
#   redis/     users.acl for the server, url for its clients
#   flower/    login
#   api-keys/  the first API key, of which only the hash is kept
# Existing files stay. To make a new one, delete the file and start again.
set -eu
umask 077
home=${1:-/run/farm}

random() {
    python3 -c 'import secrets; print(secrets.token_urlsafe(32))'
}

# Not sha256sum: older releases of macOS lack it, and in a pipe nobody would notice.
sha256() {
    python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

# install_file FILE MODE < CONTENT: writes a file, which gets its name only when it is complete.
install_file() {
    rm -f "$1.new"
    cat > "$1.new"
    chmod "$2" "$1.new"
    mv "$1.new" "$1"
}

if [ ! -s "$home/redis/url" ] || [ ! -s "$home/redis/users.acl" ]; then
    password=$(random)
    digest=$(printf %s "$password" | sha256)
    # The farm may do everything except administer the server; by INFO it learns whether the server may evict keys.
    # Without a password a client may only ping: that is the health check.
    install_file "$home/redis/users.acl" 444 << END
user default on nopass -@all +ping
user farm on #$digest ~* &* +@all -@dangerous +info
END
    # The server's own user reads the file above, and only that one.
    chmod 755 "$home/redis"
    install_file "$home/redis/url" 400 << END
redis://farm:$password@redis:6379/0
END
fi

if [ ! -s "$home/flower/login" ]; then
    login=farm:$(random)
    install_file "$home/flower/login" 400 << END
$login
END
    echo "Flower, user and password (shown this once): $login"
fi

key=$(API_KEYS_FILE="$home/api-keys/keys" farm keys create default --if-missing)
if [ -n "$key" ]; then
    echo "API key (shown this once): $key"
fi
