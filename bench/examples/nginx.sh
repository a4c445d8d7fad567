#!/usr/bin/env bash
# nginx for echo_compare: one page at 127.0.0.1:PORT, in the foreground, until SIGTERM.
#
#   build/release/echo_compare --protocol http --server 'nginx=bench/examples/nginx.sh {port}'
#
#   nginx.sh PORT         every GET brings a line as long as the models' own, from memory
#   nginx.sh PORT FILE    … brings a copy of this file, which nginx opens each time
#
# A worker for each CPU that it may use; no access log; a connection lives as long as its
# client likes. All else is as nginx has it. This shell waits beside it, one more process
# of its tree, and at the end takes away the folder that it made below TMPDIR.
set -euo pipefail

if (($# < 1 || $# > 2)) || ! [[ $1 =~ ^[0-9]+$ ]]; then
  echo 'usage: nginx.sh PORT [FILE]' >&2
  exit 2
fi
PATH=$PATH:/usr/sbin:/sbin
if ! command -v nginx >/dev/null; then
  echo 'nginx is not there: apt install nginx-light' >&2
  exit 69
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/nginx.XXXXXXXX")
nginx=''
end() {
  if [[ -n $nginx ]]; then
    kill "$nginx" 2>/dev/null || true
    wait "$nginx" || true
  fi
  rm -rf "$folder"
}
trap end EXIT
trap 'exit 0' TERM INT HUP

page='return 200 "This page of nginx is as long as the one that every model of echolab has.\n"'
if (($# == 2)); then
  cp "$2" "$folder/page"
  page='try_files /page =404'
fi
user=''
if ((EUID == 0)); then # or its workers were nobody's, who may not look into TMPDIR
  user="user $(id -un) $(id -gn);"
fi

cat >"$folder/nginx.conf" <<END
daemon off;
$user
worker_processes $(nproc);
pid "$folder/pid";
error_log stderr;
events { worker_connections 10240; }
http {
  access_log off;
  sendfile on;
  default_type text/plain;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_body_temp_path "$folder/body";
  proxy_temp_path "$folder/proxy";
  fastcgi_temp_path "$folder/fastcgi";
  uwsgi_temp_path "$folder/uwsgi";
  scgi_temp_path "$folder/scgi";
  server {
    listen 127.0.0.1:$1;
    root "$folder";
    location / { $page; }
  }
}
END

ulimit -Sn "$(ulimit -Hn)"
nginx -e stderr -p "$folder" -c "$folder/nginx.conf" &
nginx=$!
wait "$nginx"
