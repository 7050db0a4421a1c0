# For suites about remote caches: real servers on loopback, each with a port that was free, its
# files in the sandbox, and ended by servers_stop. A suite that has a server asks for it with
# need_PROGRAM in its setup: where it is not installed the suite skips and says so.
#
#   load helpers; load remotes
#   teardown() { servers_stop; sandbox_teardown; }

SERVERS=()

servers_stop() {
  local pid
  for pid in "${SERVERS[@]}"; do
    kill -CONT "$pid" 2>/dev/null || true
    kill -TERM "$pid" 2>/dev/null || true
  done
  for pid in "${SERVERS[@]}"; do wait_for process_is_gone "$pid" || kill -KILL "$pid"; done
  SERVERS=()
}

need_program() { # PROGRAM DEBIAN-PACKAGE
  PATH=$PATH:/usr/sbin command -v "$1" >/dev/null || skip "$1 is not installed: Debian package $2"
}

# A port that nobody had a moment ago.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

listens() { # PORT
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A secret of this sandbox, as users make one.
secret_file() { # NAME [CONTENT] -> path
  (umask 077 && printf '%s\n' "${2:-$(head -c 24 /dev/urandom | base64)}" >"$SANDBOX/$1")
  echo "$SANDBOX/$1"
}

# --- servers ------------------------------------------------------------------------------

# redis with a password, on TCP ($REDIS_PORT) and a unix socket ($REDIS_SOCKET).
redis_start() { # [OPTION ...]
  REDIS_PORT=${REDIS_PORT:-$(free_port)}
  REDIS_SOCKET=$SANDBOX/redis.sock
  (cd "$SANDBOX" && exec redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --dir "$SANDBOX" \
    --save '' --requirepass 'pass word' --unixsocket "$REDIS_SOCKET" "$@" \
    >"$SANDBOX/redis.log" 2>&1 3>&-) &
  REDIS=$!
  SERVERS+=("$REDIS")
  wait_for listens "$REDIS_PORT"
  wait_for test -S "$REDIS_SOCKET"
}

redis_do() { # COMMAND ...
  REDISCLI_AUTH='pass word' redis-cli -p "$REDIS_PORT" "$@"
}

# An authority and a certificate for 127.0.0.1.
make_certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=dpucc-test \
    -addext 'subjectAltName = IP:127.0.0.1' -keyout "$SANDBOX/key.pem" -out "$SANDBOX/ca.pem" \
    2>/dev/null
}

# nginx with WebDAV: http on $HTTP_PORT, https on $HTTPS_PORT, both with the user bob.
nginx_start() {
  HTTP_PORT=${HTTP_PORT:-$(free_port)}
  HTTPS_PORT=${HTTPS_PORT:-$(free_port)}
  [ -e "$SANDBOX/ca.pem" ] || make_certificate
  mkdir -p "$SANDBOX/www" "$SANDBOX/nginx"
  printf 'bob:%s\n' "$(openssl passwd -apr1 'pass word')" >"$SANDBOX/htpasswd"
  cat >"$SANDBOX/nginx.conf" <<CONF
daemon off;
pid $SANDBOX/nginx/pid;
error_log $SANDBOX/nginx/error.log;
$([ "$(id -u)" -ne 0 ] || echo "user root;")
events { }
http {
  access_log $SANDBOX/nginx/access.log;
  client_body_temp_path $SANDBOX/nginx/body;
  proxy_temp_path $SANDBOX/nginx/proxy;
  fastcgi_temp_path $SANDBOX/nginx/fastcgi;
  uwsgi_temp_path $SANDBOX/nginx/uwsgi;
  scgi_temp_path $SANDBOX/nginx/scgi;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:$HTTP_PORT;
    listen 127.0.0.1:$HTTPS_PORT ssl;
    ssl_certificate $SANDBOX/ca.pem;
    ssl_certificate_key $SANDBOX/key.pem;
    root $SANDBOX/www;
    auth_basic dpucc;
    auth_basic_user_file $SANDBOX/htpasswd;
    dav_methods PUT DELETE MKCOL;
    ${NGINX_DAV-create_full_put_path on;}
    location /fail/ { return 500; }
  }
}
CONF
  PATH=$PATH:/usr/sbin nginx -p "$SANDBOX/nginx" -c "$SANDBOX/nginx.conf" \
    -e "$SANDBOX/nginx/error.log" 3>&- &
  NGINX=$!
  SERVERS+=("$NGINX")
  wait_for listens "$HTTP_PORT"
}

# tests/support/double-server.py, a server that misbehaves: $DOUBLE_PORT.
double_start() { # BEHAVIOUR [ARGUMENT ...]
  DOUBLE_PORT=${DOUBLE_PORT:-$(free_port)}
  python3 "$TEST_SUPPORT/double-server.py" "$DOUBLE_PORT" "$@" >"$SANDBOX/double.log" 2>&1 3>&- &
  DOUBLE=$!
  SERVERS+=("$DOUBLE")
  wait_for listens "$DOUBLE_PORT"
}

server_kill() { # PID
  kill -KILL "$1"
  wait_for process_is_gone "$1"
}

# --- caches -------------------------------------------------------------------------------

# Configures one remote: a JSON object over a name, a signature and short time-outs.
remote_is() { # JSON [JSON ...]
  [ -e "$SANDBOX/shared.secret" ] || secret_file shared.secret >/dev/null
  configure "$(printf '%s\n' "$@" | jq -s --arg secret "$SANDBOX/shared.secret" '
    {remotes: (to_entries | map({name: "r\(.key)", secret_file: $secret,
                                 connect_timeout_ms: 1000, timeout_ms: 5000} + .value))}')"
}

# The same user on another machine: another cache and state, the same configuration and models.
other_machine() {
  export XDG_STATE_HOME=$SANDBOX/state$RANDOM DPUCC_CACHE_DIR=$SANDBOX/cache$RANDOM
  # shellcheck disable=SC2034 # for helpers.bash
  CACHE=$DPUCC_CACHE_DIR
}

# Compiles on one machine and leaves; what it made is in the remote caches.
compile_here() { # [UPLOADED-TO ...]
  local name
  daemon_start
  dpucc-client get --wait Net_int.xmodel >/dev/null
  expect_stat compiler_runs 1
  for name in "${@:-r0}"; do wait_for stat_is "remote_${name}_uploads" 1; done
  daemon_stop
  other_machine
}

# The answer of this machine, with nothing compiled.
expect_remote_hit() { # [NAME]
  local path
  path=$(dpucc-client get --wait Net_int.xmodel)
  dpucc check --source Net_int.xmodel "$path"
  expect_stat compiler_runs 0
  expect_stat "remote_${1:-r0}_hits" 1
  expect_stat hits 1
}

# The answer of this machine, which had to compile it, and did.
expect_compiled() {
  local path
  path=$(dpucc-client get --wait Net_int.xmodel)
  dpucc check --source Net_int.xmodel "$path"
  expect_stat compiler_runs 1
}
