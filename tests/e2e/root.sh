#!/bin/bash
# Programs that read and write a server's tree, whose root has other content.
set -u
T=$(mktemp -d)
mkdir -p "$T/box/etc" "$T/box/w"
echo 'NAME=Box' >"$T/box/etc/os-release"
seq 10000 >"$T/box/w/numbers"
mkfifo "$T/ready"
"$RSC" serve --listen "unix://$T/sock" --root "$T/box" --ready-fd 9 \
	9>"$T/ready" &
server=$!
read -r url <"$T/ready"
trap 'kill $server; wait $server; rm -rf "$T"' EXIT
failed=0

check() {	# NAME EXPECTED ACTUAL
	if [ "$2" = "$3" ]; then
		echo "ok $1"
	else
		echo "FAIL $1: expected '$2', got '$3'"
		failed=1
	fi
}

rsc() {
	"$RSC" run --server "$url" --cwd / --local '/usr/**' --local '/bin/**' \
		--local '/lib/**' --local '/lib64/**' "$@"
}

check 'read the server' NAME=Box "$(rsc -- cat /etc/os-release)"
check 'strace grammar' NAME=Box \
	"$(rsc --filter=open,read,write,close -- cat /etc/os-release)"
check 'long file' "$(sha256sum <"$T/box/w/numbers")" \
	"$(rsc -- cat /w/numbers | sha256sum)"
rsc -- cp /w/numbers /w/copy
check 'write' "$(sha256sum <"$T/box/w/numbers")" \
	"$(sha256sum <"$T/box/w/copy")"
check 'nothing is left here' no "$([ -e /w/copy ] && echo yes || echo no)"
rsc -- bash -c 'cd /w; mkdir d; mv copy d/c; ln -s c d/l; head -n 1 d/l >one;
	exit 3'
check 'exit status' 3 $?
check 'move, link, redirect' 1 "$(cat "$T/box/w/one")"
check 'directory' "$(cd "$T/box/w" && find . | sort)" \
	"$(rsc -- bash -c 'cd /w; find . | sort')"
rsc -- rm -r /w/d
check 'rm -r' no "$([ -e "$T/box/w/d" ] && echo yes || echo no)"
"$RSC" run --server unix:///nonexistent/sock -- true 2>/dev/null
check 'no server' 125 $?
rsc -- /nonexistent/program 2>/dev/null
check 'no program' 127 $?
rsc -- bash -c 'kill -TERM $$'
check 'fatal signal' 143 $?
check 'no handle leads out of the root' 'EPERM' "$(rsc -- /usr/bin/python3 -c '
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
handle = ctypes.create_string_buffer(b"\x80", 136)
libc.name_to_handle_at(-100, b"/w/numbers", handle,
                       ctypes.byref(ctypes.c_int()), 0)
if libc.open_by_handle_at(-100, handle, 0) < 0:
    print(errno.errorcode[ctypes.get_errno()])')"
mkfifo "$T/box/w/fifo"
timeout 20 "$RSC" run --server "$url" --cwd / --local '/usr/**' -- \
	timeout -s ALRM 0.3 cat /w/fifo
check 'a blocked open ends with a signal' 124 $?
exit $failed
