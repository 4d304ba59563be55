#!/bin/bash
# vsock between a guest and this machine, with the guest's real virtio-vsock at
# one end; the other end of its device is a daemon here, as with Firecracker, so
# that this machine's own vsock is never used. Then inside a guest, by loopback.
# The server in the guest is rsc-portable, and nothing else but busybox is there.
# usage: vsock.sh [amd64 | arm64]; RSC is the client, PORTABLE the server
# vhost-device-vsock comes from Debian sid. Not part of a usual test run: it
# downloads some 60 MB once, into VM_CACHE.
set -u
here=$(cd "$(dirname "$0")" && pwd)
arch=${1-$(dpkg --print-architecture)}
declare -A machine=([amd64]=x86_64 [arm64]=aarch64)
build=$(dirname "$RSC")
PORTABLE=${PORTABLE-$build/rsc-portable-${machine[$arch]}}
export VM_CACHE=${VM_CACHE-$build/vm-cache}
LIMIT=${LIMIT-300}
D=$(mktemp -d)
pids=()
failed=0
checks=0
cleanup() {
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
	wait
	rm -rf "$D"
}
trap cleanup EXIT
check() {	# NAME WANT GOT
	checks=$((checks + 1))
	[ "$2" != "$3" ] || return 0
	printf 'FAIL %s: expected %q, got %q\n' "$1" "$2" "${3:0:400}"
	failed=1
}
sum() { sha256sum | cut -d ' ' -f 1; }

# ---- the guest: its own files, the server, and what it is to do ----

mkdir "$D/guest" "$D/here"
cp "$PORTABLE" "$D/guest/server" || exit 1
head -c 8000000 /dev/urandom >"$D/guest/big"
echo 'content of the guest' >"$D/guest/data"
echo 'content of this machine' >"$D/here/data"
[ "$arch" != "$(dpkg --print-architecture)" ] || {
	# A client too, with what it needs of a Debian.
	mkdir -p "$D/guest/lib"
	cp "$RSC" "$D/guest/"
	ldd "$RSC" | grep -oE '/[^ ]+' | xargs -I{} cp {} "$D/guest/lib/"
}
cat >"$D/guest/job" <<'END'
mkdir -p /srv/w
cp data big /srv/w/
uname -r >/out/kernel
# Who comes through the daemon is the host, CID 2.
./server serve -v --listen vsock://any:5000 --allow-cid 2 2>/out/server.log &
./server serve -v --listen vsock:any:5001 --allow-cid 7 2>/out/refused.log &
./server serve --listen vsock://any:5002 --insecure-no-auth 2>/out/anybody.log
echo $? >/out/anybody
if [ -e rsc ]; then
	mkdir -p /lib64 /usr/lib
	cp lib/ld-linux-x86-64.so.2 /lib64/
	export LD_LIBRARY_PATH=/host/lib
	client() { ./rsc run --cwd "$CWD" --local '/vm/**' --local '/lib64/**' \
		--local '/host/**' --server "$@" 2>&1; }
	# The guest connects to its host.
	CWD=$THERE
	until client vsock://2:6000 -- /vm/busybox cat data >/out/up; do
		sleep 0.2
	done
	client vsock://2:6000 -- /vm/busybox sha256sum big >/out/up.big
	client vsock://2:6999 -- /vm/busybox true >/out/nobody
	CWD=/srv/w
	# Loopback: this machine is CID 1 to itself.
	./server serve -v --listen vsock://1:7000 --allow-cid 1 2>/out/loop.log &
	until client vsock://1:7000 -- /vm/busybox cat data >/out/loop; do
		sleep 0.2
	done
	client vsock:1:7000 -- /vm/busybox sha256sum big >/out/loop.big
	client vsock://1:5000 -- /vm/busybox true >/out/stranger
fi
# Until the other side has seen everything.
while [ ! -e /srv/w/done ]; do sleep 0.1; done
END

# ---- both sides ----

vhost=$(VM_SUITE=sid "$here/vm.sh" package \
	"$(dpkg --print-architecture)" vhost-device-vsock)/usr/bin/vhost-device-vsock
"$vhost" --version >/dev/null || exit 1
"$vhost" --vm "guest-cid=3,socket=$D/vhost.sock,uds-path=$D/vm.sock" \
	>"$D/daemon.log" 2>&1 &
pids+=($!)
cp "$D/guest/big" "$D/here/"
# The daemon offers port 6000 of the guest's host as this socket.
mkfifo "$D/ready"
"$RSC" serve --listen "unix://$D/vm.sock_6000" --ready-fd 9 9>"$D/ready" \
	2>"$D/serve.log" &
pids+=($!)
read -r _ <"$D/ready"
until [ -S "$D/vhost.sock" ]; do
	kill -0 "${pids[0]}" || { cat "$D/daemon.log"; exit 1; }
	read -rt 0.1 _ <> <(:)
done
begin=$(date +%s.%N)
"$here/vm.sh" -t "$LIMIT" -L -V "$D/vhost.sock" -e THERE="$D/here" -o "$D/out" \
	"$arch" "$D/guest" 'sh job' &
guest=$!
pids+=($guest)

down() {	# PORT OPTION... -- CMD...: this machine connects to the guest
	"$RSC" run --cwd /srv/w --server "vsock-unix://$D/vm.sock:$1" "${@:2}" \
		2>&1 </dev/null
}
LOCAL=(--local '/usr/**' --local '/bin/**' --local '/lib/**' --local '/lib64/**')
until [ "$(down 5000 -- cat data)" = 'content of the guest' ]; do
	kill -0 $guest || exit 1
	read -rt 0.2 _ <> <(:)
done
first=$(date +%s.%N)
check 'a file' 'content of the guest' "$(down 5000 -- cat data)"
check 'a large file' "$(sum <"$D/guest/big")" "$(down 5000 -- cat big | sum)"
check 'a shell, all calls' "guest content of the guest" "$(down 5000 --all \
	"${LOCAL[@]}" -- sh -c 'echo $(uname -n) $(cat data) >new; cat new')"
# shellcheck disable=SC2016
check 'a large file, the other way' "$(sum <"$D/guest/big")" "$(
	"$RSC" run --cwd /srv/w --server "vsock-unix://$D/vm.sock:5000" --all \
		"${LOCAL[@]}" -- sh -c 'cat >copy; sha256sum <copy' \
		<"$D/guest/big" 2>&1 | cut -d ' ' -f 1)"
check 'a CID that is not on the list' yes "$(down 5001 -- true |
	grep -q 'is no rsc server, or refuses' && echo yes)"
check 'a port where nobody is' yes "$(down 5999 -- true |
	grep -q 'nobody listens at that port of the guest' && echo yes)"
down 5000 --all "${LOCAL[@]}" -- sh -c ': >done'
wait $guest
check 'the guest ends' 0 $?
end=$(date +%s.%N)

out=$D/out
check 'it knew who came' yes "$(grep -q 'is that of CID 2, port' "$out/server.log" &&
	echo yes)"
check 'it refused the other' yes "$(grep -q 'a client is refused: CID 2' \
	"$out/refused.log" && echo yes)"
check 'it never listened for anybody' "125 rsc: serve: listen at vsock://any:5002: every guest could run calls here; name those that may with --allow-cid CID" \
	"$(cat "$out/anybody" "$out/anybody.log" | xargs)"
if [ -e "$D/guest/rsc" ]; then
	check 'from the guest' 'content of this machine' "$(<"$out/up")"
	check 'a large file from here' "$(sum <"$D/guest/big")" \
		"$(cut -d ' ' -f 1 "$out/up.big")"
	check 'nobody at its host' 'rsc: connect to vsock://2:6999: Connection' \
		"$(sed 's/ reset by peer$\| timed out$//' "$out/nobody")"
	check 'loopback' 'content of the guest' "$(<"$out/loop")"
	check 'loopback: a large file' "$(sum <"$D/guest/big")" \
		"$(cut -d ' ' -f 1 "$out/loop.big")"
	check 'loopback: it knew who came' yes \
		"$(grep -q 'is that of CID 1, port' "$out/loop.log" && echo yes)"
	check 'loopback: not on the list' yes \
		"$(grep -q 'is no rsc server, or refuses' "$out/stranger" && echo yes)"
fi
awk -v a="$begin" -v b="$first" -v c="$end" -v k="$(<"$out/kernel")" -v n=$checks '
	BEGIN { printf "%d checks; Linux %s; first call after %.1f s, all in %.1f s\n",
		n, k, b - a, c - a }'
exit $failed
