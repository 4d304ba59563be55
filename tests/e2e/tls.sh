#!/bin/bash
# Who is let in: TLS by keys and by certificates, users at a unix socket, and
# those who only knock.
[ -n "${NET_INSIDE-}" ] || NET_INSIDE=1 exec unshare --net bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
worlds
wire
prepare 'echo content of the file >data; head -c 20000000 /dev/urandom >big'
fresh
RSC=$T/bin/rsc
K=$T/keys
mkdir "$K"

try() {	# OPTION... -- CMD...: out, err and status of rsc run
	timeout -k 5 "$LIMIT" env -u RSC_SERVER -u RSC_KEY "$RSC" run \
		--server "$url" --cwd "$TREE" "$@" >"$T/note/out" \
		2>"$T/note/err" <"${STDIN-/dev/null}"
	status=$?
	out=$(tr -d '\0' <"$T/note/out")
	err=$(<"$T/note/err")
}

# Unlike serve of lib.sh: it goes on after the first client, and it may complain.
server() {	# URL OPTION...: sets url, server and log
	local pid

	log=$T/note/server.log
	nsenter -t "$world" -m -u -n -p -- env -i PATH="$PATH" \
		"${SANITIZE[@]}" "$T/bin/rsc" serve -v --listen "$1" \
		--ready-fd 9 "${@:2}" 9>"$T/note/ready" 2>"$log" &
	pid=$!
	read -r url <"$T/note/ready" || { cat "$log"; exit 1; }
	read -r server <"/proc/$pid/task/$pid/children"
	server=${server% }
	waits+=("$pid")
}
stop() {
	kill "$server"
	wait "${waits[-1]}"
	check "the server at $url ends" 0 $?
	unset 'waits[-1]'
}
logged() {	# NAME TEXT: waits for it
	until grep -qF -- "$2" "$log"; do
		[ -e "/proc/$server" ] || break
		read -rt 0.05 _ <> <(:)
	done
	check "$1: the server says so" yes \
		"$(grep -qF -- "$2" "$log" && echo yes)"
}
failure() {	# NAME PATTERN OPTION...: it ends with 125 and such a line
	local name=$1 line=$2

	shift 2
	try "$@" -- cat data
	check "$name: status" 125 "$status"
	check "$name: nothing is printed" '' "$out"
	check "$name: what it says" yes \
		"$(grep -qE -- "^rsc: .*$line" "$T/note/err" && echo yes ||
			cat "$T/note/err")"
}

# ---- keys ----

"$RSC" keygen "$K/one" box-1 && "$RSC" keygen "$K/two" && "$RSC" keygen "$K/three"
check 'a key is its owners' '600 1 2' "$(stat -c %a "$K/one") $(wc -lw <"$K/one" | xargs)"
check 'its name' 'box-1' "$(cut -d ' ' -f 1 "$K/one")"
check 'its length' 64 "$(cut -d ' ' -f 2 "$K/two" | tr -d '\n' | wc -c)"
check 'no two are the same' 3 "$(cut -d ' ' -f 2 "$K"/* | sort -u | wc -l)"
before=$(<"$K/one")
check 'a file is never replaced' "rsc: keygen: $K/one: File exists
125" \
	"$("$RSC" keygen "$K/one" 2>&1; echo $?)"
check 'it is as it was' "$before" "$(<"$K/one")"
check 'a name' 125 "$("$RSC" keygen "$K/x" 'a b' 2>/dev/null; echo $?)"

cat "$K/one" >"$K/both"
printf '# another\n\n  ' >>"$K/both"
cat "$K/two" >>"$K/both"
chmod 600 "$K/both"
server tls://10.77.0.2:0 --key "$K/both"
for key in one two; do
	try --key "$K/$key" --all -- sh -c 'cat data; hostname; exit 7'
	check "key $key" "content of the file
box 7" "$out $status"
	check "key $key: nothing is said" '' "$err"
	logged "key $key" "is that of key $(cut -d ' ' -f 1 "$K/$key")"
done
RSC_KEY=$K/one "$RSC" run --server "$url" --cwd "$TREE" -- cat data \
	>"$T/note/out"
check 'RSC_KEY' 'content of the file' "$(<"$T/note/out")"
there sha256sum big >"$T/note/sum"
try --key "$K/one" -- cat big
check 'a large file' "$(cut -d ' ' -f 1 "$T/note/sum")" \
	"$(sha256sum <"$T/note/out" | cut -d ' ' -f 1)"
cp "$T/note/out" "$T/note/in"
STDIN=$T/note/in try --key "$K/one" --all -- sh -c 'cat >new; sha256sum <new'
check 'a large file, the other way' "$(cut -d ' ' -f 1 "$T/note/sum")" "${out%% *}"

failure 'an unknown key' 'the handshake failed' --key "$K/three"
logged 'an unknown key' 'a client is refused: the handshake failed'
failure 'no key' 'nobody would be known: give --key FILE'
{ cut -d ' ' -f 1 "$K/one" | tr '\n' ' '; cut -d ' ' -f 2 "$K/three"; } >"$K/false"
chmod 600 "$K/false"
failure 'a known name with another secret' 'the handshake failed' --key "$K/false"
url=${url/tls:/tcp:} failure 'no TLS' 'is no rsc server, or refuses'

# openssl is a client of another make.
secret() { cut -d ' ' -f 2 "$K/$1"; }
s_client() {	# OPTION...
	CWD=/ there timeout 20 openssl s_client -connect "${url#tls://}" "$@" \
		</dev/null 2>&1
}
PSK=(-psk_identity box-1 -psk "$(secret one)")
check 'openssl with the key' yes "$(s_client -tls1_3 "${PSK[@]}" |
	grep -q '^Reused, TLSv1.3' && echo yes)"
check 'no tickets' 0 "$(s_client -tls1_3 "${PSK[@]}" | grep -c 'Session Ticket arr')"
for version in tls1 tls1_1 tls1_2; do
	check "no $version" yes "$(s_client -$version -cipher ALL:@SECLEVEL=0 \
		"${PSK[@]}" | grep -qE 'Cipher is \(NONE\)|no protocols' && echo yes)"
done
check 'no key exchange without Diffie-Hellman' yes "$(s_client -tls1_3 \
	-allow_no_dhe_kex "${PSK[@]}" | grep -q 'Server Temp Key' && echo yes)"
check 'nobody without a key' yes "$(s_client -tls1_3 |
	grep -q 'Cipher is (NONE)' && echo yes)"

# A key that is taken out of the file is taken out.
cat "$K/two" >"$K/both"
failure 'a key that was taken out' 'the handshake failed' --key "$K/one"
try --key "$K/two" -- cat data
check 'the other one' 'content of the file' "$out"

# The secret is in the memory of no process but the relay's for a moment.
cat >"$T/bin/search.py" <<'END'
import sys
secret = bytes.fromhex(sys.argv[1])
text = sys.argv[1].encode()
for pid in sys.argv[2:]:
    seen = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            fields = line.split()
            if "r" not in fields[1] or "[v" in line:
                continue
            start, end = (int(x, 16) for x in fields[0].split("-"))
            if end - start > 1 << 30:  # reserved by a sanitizer
                continue
            mem.seek(start)
            data = mem.read(end - start)
            seen += len(data)
            if secret in data or text in data:
                print("found in", pid, line)
    if seen < 100000:
        print("not read:", pid)
END
mkfifo "$T/note/runs"
"$RSC" run --server "$url" --key "$K/two" --cwd "$TREE" -- sh -c \
	'echo >&5; read x' 5>"$T/note/runs" <> <(:) 2>/dev/null &
rsc=$!
read -r _ <"$T/note/runs"
session=$(CWD=/ there pgrep -x rsc-session)
check 'no secret there' '' "$(CWD=/ there /usr/bin/python3 "$T/bin/search.py" \
	"$(secret two)" "$session" "$(CWD=/ there pgrep -x rsc)")"
check 'no secret here' '' "$(/usr/bin/python3 "$T/bin/search.py" \
	"$(secret two)" "$rsc")"
relay=$(pgrep -P "$rsc" -x rsc-tls)
check 'nor in a relay after the handshake' '' "$(/usr/bin/python3 \
	"$T/bin/search.py" "$(secret two)" "$relay")"
# A relay that is killed is a lost connection, and the session ends.
kill -KILL "$relay"
until [ -z "$(CWD=/ there pgrep -x rsc-session)" ]; do read -rt 0.05 _ <> <(:); done
{ kill -KILL "$rsc"; wait "$rsc"; } 2>/dev/null
check 'no relay is left there' '' "$(CWD=/ there pgrep -x rsc-tls)"
stop

# ---- certificates ----

printf '[req]\ndistinguished_name = name\n[name]\n' >"$K/openssl.cnf"
export OPENSSL_CONF=$K/openssl.cnf
make_ca() {	# NAME
	openssl req -x509 -addext basicConstraints=critical,CA:TRUE -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$K/$1.key" -out "$K/$1.pem" -days 2 -subj "/CN=$1" \
		2>/dev/null
}
make_cert() {	# NAME CA EXTENSION...
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$K/$1.key" -out "$K/$1.csr" -subj "/CN=$1" 2>/dev/null
	openssl x509 -req -in "$K/$1.csr" -CA "$K/$2.pem" -CAkey "$K/$2.key" \
		-days 2 -out "$K/$1.pem" \
		-extfile <(printf '%s\n' "${@:3}") 2>/dev/null
}
make_ca ca
make_ca strangers
make_cert box ca subjectAltName=IP:10.77.0.2,DNS:box extendedKeyUsage=serverAuth
make_cert elsewhere ca subjectAltName=DNS:elsewhere
make_cert alice ca extendedKeyUsage=clientAuth
make_cert mallory strangers
certs() {	# NAME CA
	CERT=(--cert "$K/$1.pem" --cert-key "$K/$1.key" --ca "$K/$2.pem")
}
certs box ca
server tls://10.77.0.2:0 "${CERT[@]}" --key "$K/one"
certs alice ca
try "${CERT[@]}" --all -- sh -c 'cat data; hostname'
check 'certificates' "content of the file
box" "$out"
logged 'certificates' 'is that of certificate /CN=alice'
try --key "$K/one" -- cat data
check 'a key beside them' 'content of the file' "$out"
certs mallory ca
failure 'a strange client' 'is no rsc server, or refuses|the handshake failed' \
	"${CERT[@]}"
logged 'a strange client' 'certificate verify failed'
certs box ca
failure "the server's as a client's" 'is no rsc server, or refuses|the handshake failed' \
	"${CERT[@]}"
logged "the server's as a client's" 'certificate verify failed'
certs alice strangers
failure 'a strange server' 'certificate verify failed' "${CERT[@]}"
failure 'a key is asked for and a certificate shown' 'the handshake failed' \
	--key "$K/two"
certs alice ca
failure 'half of it' 'nobody would be known' "${CERT[@]:0:4}"
chmod 644 "$K/alice.key"
failure 'a private key that others can read' \
	'alice.key: others may read or change it; chmod 600 it' "${CERT[@]}"
chmod 600 "$K/alice.key"
stop
certs elsewhere ca
server tls://10.77.0.2:0 "${CERT[@]}"
certs alice ca
failure "another host's certificate" 'certificate verify failed' "${CERT[@]}"
stop

# ---- users ----

user() {	# UID: what cat says as that user
	setpriv --reuid "$1" --regid "$1" --clear-groups env -C / timeout "$LIMIT" \
		"$RSC" run --server "$url" --cwd "$TREE" -- cat data 2>&1
}
refused="rsc: unix://$T/users.sock is no rsc server, or refuses: closed before it said who it is"
server "unix://$T/users.sock"
check 'the mode of a socket' 600 "$(stat -c %a "$T/users.sock")"
check 'a user who cannot reach it' "rsc: connect to $url: Permission denied" \
	"$(user 1234)"
chmod 777 "$T/users.sock"
check 'a user who can, but may not' "$refused" "$(user 1234)"
logged 'who may not' 'a client is refused: uid 1234'
check 'the one who may' 'content of the file' "$(user 0)"
stop
server "unix://$T/users.sock" --allow-uid 1234 --allow-uid 1235
chmod 777 "$T/users.sock"
check 'a user who is allowed' 'content of the file' "$(user 1235)"
check 'one who is not' "$refused" "$(user 1236)"
check 'nor is root then' "$refused" "$(user 0)"
stop

# ---- those who only knock ----

server tls://10.77.0.2:0 --key "$K/one" --max-pending 3 --login-time 2 \
	--max-sessions 2
cat >"$T/bin/knock.py" <<'END'
import socket, sys
host, port = sys.argv[1][6:].split(":")
knocks = [socket.create_connection((host, int(port))) for i in range(int(sys.argv[2]))]
print("knocked", flush=True)
for s in knocks:
    assert s.recv(1) == b""
print("all closed", flush=True)
END
mkfifo "$T/note/knock"
/usr/bin/python3 "$T/bin/knock.py" "$url" 7 >"$T/note/knock" 2>&1 &
knock=$!
exec 7<"$T/note/knock"
read -r line <&7
check 'seven knock' knocked "$line"
try --key "$K/one" -- cat data
check 'one who is known is let in' 'content of the file' "$out"
read -r line <&7
check 'all of the others are sent away' 'all closed' "$line"
wait $knock
logged 'too many' '3 clients are not known yet: the first of them is sent away'
logged 'too long' 'a client is refused: no answer in time'

hold() { "$RSC" run --server "$url" --key "$K/one" --cwd "$TREE" -- sh -c \
	'echo >&5; read x <&6' 5>"$T/note/runs" 6<>"$T/note/never" 2>/dev/null & }
mkfifo "$T/note/never"
hold; first=$!
read -r _ <"$T/note/runs"
hold; second=$!
read -r _ <"$T/note/runs"
failure 'a session too many' 'no answer|closed in the handshake|is no rsc' --key "$K/one"
logged 'a session too many' 'there are 2 sessions: a client is sent away'
echo >"$T/note/never"
wait -n $first $second
logged 'a place is free' 'ended: status 0'
try --key "$K/one" -- cat data
check 'the next one is let in' 'content of the file' "$out"
echo >"$T/note/never"
wait $first $second
stop
server "unix://$T/quiet.sock" --login-time 1
exec 7<> <(:)
/usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
while s.recv(99): pass' "$T/quiet.sock"
check 'who says nothing is sent away' 0 $?
logged 'nothing' 'says nothing and is sent away'
stop
if grep -qE '__(asan|tsan)_init' "$RSC"; then
	echo 'a sanitizer needs more memory than any session may have: not tried'
	finish
fi
server "unix://$T/small.sock" --max-memory 64
try --all -- cat data
check 'a session with little memory' 'content of the file' "$out"
# Threads have stacks there: 1500 are too many for that, but for one session.
"$RSC" run --server "$url" --cwd "$TREE" --all --local '/usr/**' \
	--local '/lib/**' -- /usr/bin/python3 -c 'if True:
	import threading
	done = threading.Event()
	def one():
		open("data").read()
		done.wait()
	try:
		for i in range(1500):
			threading.Thread(target=one).start()
	finally:
		done.set()' >/dev/null 2>&1
check 'a session that takes too much: status' 125 $?
logged 'a session that takes too much' '; the session ends'
hold6() { "$RSC" run --server "$url" --cwd "$TREE" -- sh -c \
	'echo >&5; read x <&6' 5>"$T/note/runs" 6<>"$T/note/never" & }
hold6
read -r _ <"$T/note/runs"
check 'its limit' 67108864 "$(CWD=/ there bash -c \
	'prlimit --data --output HARD --noheadings --pid "$(pgrep -x rsc-session)"')"
echo >"$T/note/never"
wait $!
stop
logs=()
servers=()
finish
