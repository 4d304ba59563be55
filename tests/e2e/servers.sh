#!/bin/bash
# Programs that serve and programs that ask, on either side of the line: what
# listens there is reached from here, what runs here listens there, and what
# listens here on the same ports is never asked.
[ -n "${NET_INSIDE-}" ] || NET_INSIDE=1 exec unshare --net bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
cp dns.py "$T/bin/"
worlds
serve main
OPTS=(--all)
jobs=()

# Runs in the background until the line that says that it serves has come.
until_it_says() {	# PATTERN CMD...
	local pattern=$1 line

	shift
	rm -f "$T/note/says"
	mkfifo "$T/note/says"
	"$@" >"$T/note/says" 2>&1 </dev/null &
	jobs+=($!)
	exec 7<"$T/note/says"
	while read -r line <&7; do
		[[ $line != *$pattern* ]] || return
	done
	echo "FAIL $* does not say $pattern"
	exit 1
}

# The last one ends by itself.
ends() {	# NAME
	exec 7<&-
	wait "${jobs[-1]}"
	check "$1 ends" 0 $?
	unset 'jobs[-1]'
}

ask_here() {	# NAME WANT CMD...: under rsc
	local name=$1 want=$2

	shift 2
	check "$name" "$want" "$(ours "$@" 2>&1)"
}

ask_there() {	# NAME WANT CMD...: natively there
	local name=$1 want=$2

	shift 2
	check "$name" "$want" "$(there "$@" 2>&1)"
}

ip link set lo up
CWD=/ there ip link set lo up
prepare 'echo from there >x; head -c 5000000 /dev/urandom >big
	mkdir log; echo nameserver 127.0.0.1 >/etc/resolv.conf'
fresh
big=$(there bash -c 'sha256sum <big')

# Decoys: the same names and ports here.
cd "$TREE" || exit 1
/usr/bin/python3 -u -m http.server --bind 127.0.0.1 8080 >/dev/null 2>&1 &
decoy=$!
cd / || exit 1

# ---- their servers ----

until_it_says Serving there /usr/bin/python3 -u -m http.server \
	--bind 127.0.0.1 8080
until_it_says ready there /usr/bin/python3 "$T/bin/dns.py" only.there
ask_here 'curl' 'from there' curl -sS http://127.0.0.1:8080/x
ask_here 'wget' "$big" bash -c \
	'wget -qO- http://127.0.0.1:8080/big | sha256sum'
ask_here 'a name that only they know' 'from there' \
	curl -sS http://only.there:8080/x
ask_here 'a name that nobody knows' 2 \
	bash -c 'getent hosts no.where; echo $?'
ask_here 'bash' 'HTTP/1.0 200 OK' bash -c \
	'exec 3<>/dev/tcp/127.0.0.1/8080; printf "GET /x HTTP/1.0\r\n\r\n" >&3
	read -r line <&3; echo "${line%$'"'\r'"'}"'

until_it_says Ready there redis-server --port 7001 --save '' \
	--unixsocket "$TREE/redis.sock"
ask_here 'redis-cli: set' OK redis-cli -p 7001 set key value
ask_here 'redis-cli: get' value redis-cli -p 7001 get key
ask_here 'redis-cli: by a path' value redis-cli -s "$TREE/redis.sock" get key
ask_here 'redis-benchmark' yes bash -c \
	'redis-benchmark -p 7001 -n 2000 -c 20 -q -t get | grep -c requests |
	sed s/1/yes/'
ask_there 'redis ends' '' redis-cli -p 7001 shutdown nosave

cat >"$T/nginx.conf" <<'END'
daemon off;
user root root;
worker_processes 2;
pid log/nginx.pid;
error_log log/error.log info;
events { worker_connections 200; }
http {
	access_log off;
	client_body_temp_path log/1;
	proxy_temp_path log/2;
	fastcgi_temp_path log/3;
	uwsgi_temp_path log/4;
	scgi_temp_path log/5;
	server { listen 127.0.0.1:8081; root /srv/w; }
	server { listen unix:/srv/w/nginx.sock; root /srv/w; }
}
END
GET=(curl -s --retry 20 --retry-connrefused --retry-delay 1)
there nginx -p "$TREE/" -c "$T/nginx.conf" -e log/error.log &
nginx=$!
ask_there 'nginx is there' 'from there' "${GET[@]}" http://127.0.0.1:8081/x
ask_here 'nginx: a large file' "$big" bash -c \
	'curl -sS http://127.0.0.1:8081/big | sha256sum'
ask_here 'nginx: by a path' 'from there' \
	curl -sS --unix-socket "$TREE/nginx.sock" http://x/x
there bash -c 'kill -QUIT $(cat log/nginx.pid)'
wait $nginx
check 'nginx ends' 0 $?

# ---- our servers ----

until_it_says Serving ours /usr/bin/python3 -u -c 'if True:
	import http.server, sys
	server = http.server.HTTPServer(("127.0.0.1", 8082),
		http.server.SimpleHTTPRequestHandler)
	print("Serving", flush=True)
	for i in range(3):
		server.handle_request()
	server.server_close()'
ask_there 'our http.server' 'from there' curl -sS http://127.0.0.1:8082/x
ask_there 'our http.server: a large file' "$big" bash -c \
	'curl -sS http://127.0.0.1:8082/big | sha256sum'
ask_there 'our http.server: again' 'from there' \
	curl -sS http://127.0.0.1:8082/x
ends 'our http.server'

until_it_says Ready ours redis-server --port 7002 --save '' \
	--unixsocket "$TREE/ours.sock"
ask_there 'our redis: set' OK redis-cli -p 7002 set key value
ask_there 'our redis: get' value redis-cli -s "$TREE/ours.sock" get key
ask_there 'our redis ends' '' redis-cli -p 7002 shutdown nosave
ends 'our redis'

until_it_says Listening ours nc -lv 127.0.0.1 7003
exec 7<&-
echo 'over tcp' | there nc -N 127.0.0.1 7003
ends 'our nc'
until_it_says Listening ours nc -lvU "$TREE/nc.sock"
echo 'over a path' | there nc -NU "$TREE/nc.sock"
ends 'our nc -U'

ours nginx -p "$TREE/" -c "$T/nginx.conf" -e log/error.log &
nginx=$!
ask_there 'our nginx' 'from there' "${GET[@]}" http://127.0.0.1:8081/x
ask_there 'our nginx: a large file' "$big" bash -c \
	'curl -sS http://127.0.0.1:8081/big | sha256sum'
ask_there 'our nginx: by a path' 'from there' \
	curl -sS --unix-socket "$TREE/nginx.sock" http://x/x
kill -QUIT "$(here_pid "$(there cat log/nginx.pid)")"
wait $nginx
check 'our nginx ends' 0 $?

# Nobody asked the decoys, and nobody listened here.
check 'no port here but the decoy' 1 "$(ss -Hltn | wc -l)"
kill $decoy
finish
