#!/usr/bin/env bats
# Shared caches on real engines: what one machine compiled another one has.

load helpers
load remotes

setup() {
  sandbox_setup
  arch_b1024
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
}

teardown() {
  servers_stop
  sandbox_teardown
}

@test "a shared directory: a hit on a second machine" {
  mkdir -m 770 "$SANDBOX/shared"
  remote_is "{\"url\": \"file://$SANDBOX/shared\"}"
  compile_here
  [ "$(find "$SANDBOX/shared/v1/records" -type f | wc -l)" = 1 ]
  [ "$(find "$SANDBOX/shared/v1/objects" -type f | wc -l)" -ge 3 ]
  # as the directory: its group may use what is in it
  [ "$(stat -c %a "$SANDBOX/shared/v1/records")" = 770 ]
  [ "$(stat -c %a "$(find "$SANDBOX/shared/v1/records" -type f)")" = 440 ]
  daemon_start
  expect_remote_hit
  # from now on it is here
  rm -rf "$SANDBOX/shared"
  dpucc-client get Net_int.xmodel
  expect_stat remote_r0_hits 1
}

@test "redis: password, unix socket, a database of its own; a large value in chunks" {
  need_program redis-server redis-server
  redis_start
  password=$(secret_file redis.pw 'pass word')
  dpucc mkmodel unet --size 64 --seed 1 -o Net_int.xmodel
  remote_is "{\"url\": \"redis+unix://$REDIS_SOCKET\", \"password_file\": \"$password\"}"
  compile_here
  [ "$(redis_do --scan --pattern 'dpucc/v1/records/*' | wc -l)" = 1 ]
  for key in $(redis_do --scan --pattern 'dpucc/*'); do [ "$(redis_do ttl "$key")" = -1 ]; done
  # the same server by its port
  remote_is "{\"url\": \"redis://127.0.0.1:$REDIS_PORT\", \"password_file\": \"$password\"}"
  daemon_start
  expect_remote_hit
  daemon_stop
  # another database of it has nothing
  other_machine
  remote_is "{\"url\": \"redis://127.0.0.1:$REDIS_PORT/3\", \"password_file\": \"$password\"}"
  daemon_start
  expect_compiled
  expect_stat remote_r0_misses 1
  wait_for stat_is remote_r0_uploads 1
  [ "$(redis_do -n 3 dbsize)" -gt 0 ]
}

@test "redis: a chunk that was evicted is a miss, and comes back" {
  need_program redis-server redis-server
  redis_start
  password=$(secret_file redis.pw 'pass word')
  remote_is "{\"url\": \"redis://127.0.0.1:$REDIS_PORT\", \"password_file\": \"$password\"}"
  compile_here
  redis_do del "$(redis_do --scan --pattern 'dpucc/v1/objects/*' | head -n 1)"
  daemon_start
  expect_compiled
  expect_stat remote_r0_refused 1
  wait_for stat_is remote_r0_uploads 1
  daemon_stop
  other_machine
  daemon_start
  expect_remote_hit
}

@test "nginx with WebDAV: basic authentication over http, and TLS with an authority of our own" {
  need_program nginx nginx-light
  nginx_start
  password=$(secret_file http.pw 'pass word')
  remote_is "{\"url\": \"http://127.0.0.1:$HTTP_PORT/cache\", \"user\": \"bob\", \"password_file\": \"$password\"}"
  compile_here
  [ "$(find "$SANDBOX/www/cache/v1/records" -type f | wc -l)" = 1 ]
  remote_is "{\"url\": \"https://127.0.0.1:$HTTPS_PORT/cache/\", \"user\": \"bob\",
    \"password_file\": \"$password\", \"ca_file\": \"$SANDBOX/ca.pem\"}"
  daemon_start
  expect_remote_hit
  # not one request without the credentials
  without grep -q '" 401 ' "$SANDBOX/nginx/access.log"
}

@test "nginx that makes no folders by itself: they are made" {
  need_program nginx nginx-light
  NGINX_DAV='' nginx_start
  password=$(secret_file http.pw 'pass word')
  remote_is "{\"url\": \"http://127.0.0.1:$HTTP_PORT\", \"user\": \"bob\", \"password_file\": \"$password\"}"
  compile_here
  [ "$(find "$SANDBOX/www/v1/records" -type f | wc -l)" = 1 ]
}

@test "nginx: a certificate of somebody else is not believed" {
  need_program nginx nginx-light
  nginx_start
  mv "$SANDBOX/ca.pem" "$SANDBOX/theirs.pem"
  make_certificate
  password=$(secret_file http.pw 'pass word')
  remote_is "{\"url\": \"https://127.0.0.1:$HTTPS_PORT\", \"user\": \"bob\",
    \"password_file\": \"$password\", \"ca_file\": \"$SANDBOX/ca.pem\"}"
  daemon_start
  expect_compiled
  expect_stat remote_r0_errors 1
  # not even the user's name went out
  [ ! -s "$SANDBOX/nginx/access.log" ] || ! grep -q bob "$SANDBOX/nginx/access.log"
}

@test "S3: requests are signed, payloads too; a wrong secret is not let in" {
  mkdir "$SANDBOX/bucket"
  double_start s3 "$SANDBOX/bucket" eu-test-1 AKIDEXAMPLE 'secret/key+of=ours'
  secret=$(secret_file s3.key 'secret/key+of=ours')
  s3() { # SECRET-FILE
    remote_is "{\"url\": \"http://127.0.0.1:$DOUBLE_PORT/bucket%20one\", \"s3\":
      {\"region\": \"eu-test-1\", \"access_key\": \"AKIDEXAMPLE\", \"secret_file\": \"$1\"}}"
  }
  s3 "$secret"
  compile_here
  [ "$(find "$SANDBOX/bucket/bucket%20one/v1/records" -type f | wc -l)" = 1 ]
  daemon_start
  expect_remote_hit
  daemon_stop
  other_machine
  s3 "$(secret_file wrong.key 'another secret')"
  daemon_start
  expect_compiled
  expect_stat remote_r0_errors 1
}

@test "a chain: the nearer tier is filled from the one further away" {
  need_program redis-server redis-server
  redis_start
  password=$(secret_file redis.pw 'pass word')
  mkdir "$SANDBOX/shared"
  far="{\"url\": \"file://$SANDBOX/shared\", \"name\": \"far\"}"
  near="{\"url\": \"redis+unix://$REDIS_SOCKET\", \"password_file\": \"$password\", \"name\": \"near\"}"
  remote_is "$far"
  compile_here far
  remote_is "$near" "$far"
  daemon_start
  expect_remote_hit far
  expect_stat remote_near_misses 1
  wait_for stat_is remote_near_uploads 1
  expect_stat remote_far_uploads 0
  daemon_stop
  other_machine
  daemon_start
  expect_remote_hit near
  expect_stat remote_far_misses 0
}

@test "access: what may only be read is not written, what may only be written is not read" {
  mkdir "$SANDBOX/shared"
  remote_is "{\"url\": \"file://$SANDBOX/shared\", \"access\": \"read-only\"}"
  daemon_start
  expect_compiled
  expect_stat remote_r0_misses 1
  daemon_stop
  [ -z "$(find "$SANDBOX/shared" -type f)" ]
  other_machine
  remote_is "{\"url\": \"file://$SANDBOX/shared\", \"access\": \"write-only\"}"
  compile_here
  daemon_start
  expect_compiled
  expect_stat remote_r0_misses 0
  daemon_stop
  other_machine
  remote_is "{\"url\": \"file://$SANDBOX/shared\", \"access\": \"read-only\"}"
  daemon_start
  expect_remote_hit
}

@test "a size limit: what is larger is neither sent nor taken" {
  mkdir "$SANDBOX/shared"
  dpucc mkmodel unet --size 64 --seed 1 -o Net_int.xmodel
  [ "$(stat -c %s Net_int.xmodel)" -gt 1048576 ]
  remote_is "{\"url\": \"file://$SANDBOX/shared\"}"
  compile_here
  remote_is "{\"url\": \"file://$SANDBOX/shared\", \"size_limit_mib\": 1}"
  daemon_start
  expect_compiled
  wait_for stat_is remote_r0_uploads_dropped 1
}

@test "without a daemon, and as vai_c_xir: remotes are used, and given what was made" {
  mkdir "$SANDBOX/shared"
  remote_is "{\"url\": \"file://$SANDBOX/shared\"}"
  gate_compiler
  touch "$SANDBOX/open"
  path=$(dpucc-client --no-daemon get --wait Net_int.xmodel)
  [ -e "$path" ]
  rm "$SANDBOX/open" "$SANDBOX/started" # no compiler gets through from now on
  uploaded() { [ "$(find "$SANDBOX/shared/v1/records" -type f 2>/dev/null | wc -l)" = 1 ]; }
  wait_for uploaded
  other_machine
  path=$(dpucc-client --no-daemon --timeout 60 get --wait Net_int.xmodel)
  dpucc check --source Net_int.xmodel "$path"
  other_machine
  ln -s "$(command -v dpucc-client)" "$SANDBOX/bin/vai_c_xir"
  DPUCC_TOOLCHAIN=dpucc "$SANDBOX/bin/vai_c_xir" -x Net_int.xmodel -a arch.json -o out -n Net
  dpucc check --source Net_int.xmodel out/Net.xmodel
  [ ! -e "$SANDBOX/started" ]
}

@test "--force compiles again, and what was adopted or failed stays here" {
  mkdir "$SANDBOX/shared"
  remote_is "{\"url\": \"file://$SANDBOX/shared\"}"
  compile_here
  daemon_start
  dpucc-client get --wait --force Net_int.xmodel
  expect_stat compiler_runs 1
  expect_stat remote_r0_hits 0
  wait_for stat_is remote_r0_uploads 1
  daemon_stop
  # what cannot be compiled
  other_machine
  rm -rf "$SANDBOX"/shared/*
  dpucc mkmodel lenet --seed 9 -o Net_int.xmodel
  mkdir -p "$SANDBOX/bin/control"
  cp "$BIN/dpuccd" "$BIN/dpucc-client" "$BIN/dpucc-remote" "$SANDBOX/bin/"
  cp "$TEST_SUPPORT/double-dpucc.sh" "$SANDBOX/bin/dpucc"
  echo fail >"$SANDBOX/bin/control/mode"
  PATH=$SANDBOX/bin:$PATH
  daemon_start
  run dpucc-client get --wait Net_int.xmodel
  [ "$status" = 4 ]
  expect_stat jobs_failed 1
  daemon_stop
  [ -z "$(find "$SANDBOX/shared" -type f)" ]
}
