#!/bin/bash
# rsc-portable-ARCH on machines that have little: busybox alone, nothing at all,
# a libc that is not ours; then over ssh, which brings it and leaves nothing.
[ -n "${NET_INSIDE-}" ] || NET_INSIDE=1 exec unshare --net bash "$0" "$@"
PORTABLE=$(dirname "$RSC")/rsc-portable-$(uname -m)
exec 6<"$PORTABLE" || exit 1
. "$(dirname "$0")/lib.sh"
cat <&6 >"$T/bin/rsc-portable-$(uname -m)"
exec 6<&-
PORTABLE=$T/bin/rsc-portable-$(uname -m)
chmod 755 "$PORTABLE"
worlds
RSC=$T/bin/rsc
prepare 'echo content of the file >data'
fresh

size=$(stat -c %s "$PORTABLE")
check 'at most 4 MiB' yes "$([ "$size" -le $((4 << 20)) ] && echo yes || echo "$size")"
size=$(gzip -c "$PORTABLE" | wc -c)
check 'at most 2 MiB compressed' yes \
	"$([ "$size" -le $((2 << 20)) ] && echo yes || echo "$size")"
check 'it is static' '' "$(readelf -d "$PORTABLE" | grep NEEDED)"
check 'it speaks the protocol of rsc' "$("$RSC" --version)" \
	"$("$PORTABLE" --version)"

# ---- roots ----

# Those of a machine there, each with /proc and what stands in data.
make_root() {	# NAME
	root=$T/roots/$1
	CWD=/ there mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root/srv/w" \
		"$root/etc" "$root/bin"
	CWD=/ there mount --bind /proc "$root/proc"
	CWD=/ there mknod -m 666 "$root/dev/null" c 1 3
	CWD=/ there cp "$PORTABLE" "$root/bin/server"
	CWD=/ there bash -c "echo content of $1 >$root/srv/w/data"
}
busybox=$(command -v busybox)
with_busybox() {
	CWD=/ there cp "$busybox" "$root/bin/busybox"
	CWD=/ there chroot "$root" /bin/busybox --install -s /bin
}

# The server runs there, in the root, over standard input and output. Only it
# gets the variables.
cat >"$T/bin/enter.py" <<'END'
import os, sys
os.chroot(sys.argv[1])
os.chdir("/")
os.execve("/bin/server", ["server", "serve", "--stdio"],
          dict(v.split("=", 1) for v in sys.argv[2:]))
END
on_root() {	# NAME [VARIABLE=VALUE]... -- CMD...
	local root=$T/roots/$1 env=()

	shift
	while [ "$1" != -- ]; do
		env+=("$1")
		shift
	done
	shift
	timeout -k 5 "$LIMIT" "$RSC" run --cwd /srv/w --server \
		"exec:exec nsenter -t $world -m -u -n -p -- \
		/usr/bin/python3 $T/bin/enter.py $root ${env[*]}" --all "${LOCAL[@]}" -- "$@" \
		2>&1 </dev/null
}

LOCAL=(--local '/usr/**' --local '/bin/**' --local '/lib/**' --local '/lib64/**'
	--local '/etc/alternatives/**')

programs() {	# NAME [VARIABLE=VALUE]...
	local name=$1

	check "$name: cat" "content of $name" "$(on_root "$@" -- cat data)"
	check "$name: a shell" "box content of $name" "$(on_root "$@" -- \
		sh -c 'echo $(hostname) $(cat <data) >new; cat new')"
	check "$name: what was written" "box content of $name" \
		"$(CWD=/ there cat "$T/roots/$name/srv/w/new")"
	check "$name: python" "['data', 'new']" "$(on_root "$@" -- \
		/usr/bin/python3 -c 'import os; print(sorted(os.listdir(".")))')"
	check "$name: threads and processes" 45 "$(on_root "$@" -- \
		/usr/bin/python3 -c 'if True:
		import concurrent.futures as f
		def one(n):
			open(f"/tmp/{n}", "w").write(str(n))
			return int(open(f"/tmp/{n}").read())
		with f.ThreadPoolExecutor(5) as pool:
			print(sum(pool.map(one, range(10))))')"
	CWD=/ there find "$T/roots/$name/tmp" -type f -delete
	check "$name: nothing is left" '' "$(CWD=/ there find \
		"$T/roots/$name/tmp" "$T/roots/$name/srv" -name '.rsc*')"
}

make_root nothing
check 'no other file is there' "bin/server
srv/w/data" "$(cd "$T/roots/nothing" && CWD=$T/roots/nothing there find . \
	-path ./proc -prune -o -type f -printf '%P\n' | sort)"
programs nothing

make_root busybox
with_busybox
programs busybox

# A libc, a loader and something to preload that are not ours.
make_root foreign
CWD=/ there bash -c "cd $root; mkdir -p lib lib64 usr/lib/x86_64-linux-gnu
	for f in lib/libc.so.6 lib64/ld-linux-x86-64.so.2 lib/libcbor.so.0.8 \
		lib/libcbor.so.0 lib/ld-linux-aarch64.so.1 lib/hook.so \
		usr/lib/x86_64-linux-gnu/libc.so.6; do
		echo no library >\$f
	done
	echo /lib/hook.so >etc/ld.so.preload"
programs foreign LD_PRELOAD=/lib/hook.so LD_LIBRARY_PATH=/lib \
	LD_BIND_NOW=1 GLIBC_TUNABLES=glibc.malloc.check=3

# Where a memfd may not be executed, it is a folder, for a moment.
strict() {	# NAME CMD...: in a pid namespace that forbids it
	local root=$T/roots/$1

	shift
	CWD=/ there MODE="${MODE-rw}" unshare --pid --fork --kill-child --mount \
		bash -c '
		mount -t proc proc /proc
		echo 2 >"/proc/sys/vm/memfd_noexec" || exit 9
		mount --bind "$0" "$0"
		mount -o "remount,bind,${MODE-rw}" "$0"
		mount -t proc proc "$0/proc"
		exec chroot "$0" "$@"' "$root" "$@"
}
check 'without memfds' "$("$RSC" --version)" \
	"$(strict busybox /bin/server --version)"
check 'its folder is gone' '' "$(CWD=/ there find "$T/roots/busybox/tmp" \
	-name '.rsc*')"
check 'a session without memfds' "content of busybox" "$(timeout -k 5 "$LIMIT" \
	"$RSC" run --cwd /srv/w --server "exec:exec nsenter -t $world -m -u -n \
	-p -- unshare --pid --fork --kill-child --mount bash -c 'mount -t proc \
	proc $T/roots/busybox/proc
	echo 2 >$T/roots/busybox/proc/sys/vm/memfd_noexec
	exec chroot $T/roots/busybox /bin/server serve --stdio'" -- cat data 2>&1)"
check 'nor a folder: it says so' "rsc: the server cannot be put into memory (Permission denied), nor into TMPDIR, /dev/shm, /tmp, /var/tmp or /run; is /proc mounted, and may programs be run from one of these?
125" "$(MODE=ro strict nothing /bin/server --version 2>&1; echo $?)"

# ---- brought over ssh ----

wire
mkdir -m 755 "$T/keys"
ssh-keygen -q -t ed25519 -N '' -f "$T/keys/host"
ssh-keygen -q -t ed25519 -N '' -f "$T/keys/user"
make_root box
with_busybox
CWD=/ there mkdir -p "$root/home" "$root/dev/shm" "$root/var/tmp"
CWD=/ there bash -c 'sed -i "s,^root:.*,root:x:0:0::/home:/bin/sh," /etc/passwd
	echo "sshd:x:105:65534::/run/sshd:/usr/sbin/nologin" >>/etc/passwd'
nsenter -t "$world" -m mkdir -p -m 755 /run/sshd
cat >"$T/sshd_config" <<END
ListenAddress 10.77.0.2:2222
HostKey $T/keys/host
AuthorizedKeysFile $T/keys/user.pub
ChrootDirectory $T/roots/box
PidFile none
StrictModes no
UsePAM no
LogLevel ERROR
END
cat >"$T/ssh_config" <<END
Host box
	HostName 10.77.0.2
	Port 2222
	BatchMode yes
	ConnectTimeout 10
	IdentityFile $T/keys/user
	IdentitiesOnly yes
	UserKnownHostsFile $T/keys/known
END
echo "[10.77.0.2]:2222 $(<"$T/keys/host.pub")" >"$T/keys/known"
CWD=/ there /usr/sbin/sshd -D -f "$T/sshd_config" -E "$T/note/sshd.log" &
sshd=$!
until CWD=/ there bash -c 'exec 3<>/dev/tcp/10.77.0.2/2222' 2>/dev/null; do
	kill -0 $sshd || { cat "$T/note/sshd.log"; exit 1; }
	read -rt 0.1 _ <> <(:)
done
over_ssh() {	# OPTION... -- CMD...
	RSC_SSH_COMMAND="${SSH_CMD-ssh -F $T/ssh_config}" timeout -k 5 "$LIMIT" \
		"$RSC" run --server ssh://root@box --cwd /srv/w "${LOCAL[@]}" \
		"$@" </dev/null
}
left() {	# NAME: nothing of ours is there
	check "$1: nothing is left" '' "$(CWD=/ there find "$T/roots/box" -path \
		"$T/roots/box/proc" -prune -o -name '.rsc*' -print)"
}
check 'the box has no rsc' 127 \
	"$(ssh -F "$T/ssh_config" root@box rsc --version 2>/dev/null; echo $?)"
check 'over ssh' "content of box
box" "$(over_ssh --all -- sh -c 'cat data; hostname' 2>&1)"
left 'over ssh'
check 'it is said with -v' "rsc: ssh://root@box: no rsc is there; rsc-portable-$(uname -m) is sent" \
	"$(over_ssh -v -- cat data 2>&1 | grep sent)"
CWD=/ there bash -c "printf '#!/bin/sh\necho rsc protocol 0-0 x86_64\n' \
	>$T/roots/box/bin/rsc; chmod 755 $T/roots/box/bin/rsc"
check 'another rsc is there' 'content of box' "$(over_ssh -- cat data 2>&1)"
CWD=/ there rm "$T/roots/box/bin/rsc"
check 'its mode and umask' "600 0022" "$(over_ssh --all -- sh -c \
	'umask 177; echo >f; umask 22; stat -c %a f; umask' | xargs)"
check 'RSC_PORTABLE' "content of box" \
	"$(cd "$T/bin" && mkdir p && cp rsc p/ && cd p && RSC=$T/bin/p/rsc
	RSC_PORTABLE=$T/bin over_ssh -- cat data 2>&1)"
check 'top' yes "$(over_ssh --all -- sh -c \
	'top -b -n 1 -w 200 >top; grep -q sshd top && echo yes' 2>&1)"

# While it runs, and after whoever runs it was killed.
mkfifo "$T/note/runs" "$T/note/never"
for victim in client session; do
	over_ssh --all -- sh -c 'echo >&5; read x <&4; exit' 5>"$T/note/runs" \
		4<>"$T/note/never" >/dev/null 2>&1 &
	job=$!
	read -r _ <"$T/note/runs"
	left "while it runs ($victim)"
	client=$(pgrep --ns $$ --nslist net -x rsc | head -n 1)
	[ $victim = client ] && kill -KILL "$client" ||
		CWD=/ there bash -c 'kill -KILL "$(pgrep -x rsc-session)"'
	until [ -z "$(CWD=/ there pgrep -x rsc-session)" ]; do
		read -rt 0.1 _ <> <(:)
	done
	left "after the $victim was killed"
	kill -KILL "$client" 2>/dev/null
	wait $job 2>/dev/null
done

# The link is lost while it comes.
cat >"$T/bin/cut" <<END
#!/bin/bash
head -c 1000000 | ssh -F $T/ssh_config "\$@"
END
chmod 755 "$T/bin/cut"
SSH_CMD=$T/bin/cut over_ssh -- cat data >"$T/note/out" 2>&1
check 'a lost link: status' 125 $?
check 'a lost link' 'rsc: connect to ssh://root@box: no rsc is there, and it could not be stored: is the disk full?' \
	"$(tail -n 1 "$T/note/out")"
left 'a lost link'

# A directory that takes no programs is passed by, and all of them are told.
for dir in dev/shm tmp; do
	CWD=/ there mount -t tmpfs -o noexec,size=8m full "$T/roots/box/$dir"
done
check 'programs may be run from /var/tmp only' 'content of box' \
	"$(over_ssh -- cat data 2>&1)"
for dir in var/tmp home; do
	CWD=/ there mount -t tmpfs -o ro ro "$T/roots/box/$dir"
done
check 'from nowhere' 'rsc: connect to ssh://root@box: no rsc is there, and no directory that programs can be put into and run from ($XDG_RUNTIME_DIR, /dev/shm, /tmp, /var/tmp, $HOME)' \
	"$(over_ssh -- cat data 2>&1)"
CWD=/ there mount -t tmpfs -o size=1m full "$T/roots/box/home"
check 'a full disk' 'rsc: connect to ssh://root@box: no rsc is there, and it could not be stored: is the disk full?' \
	"$(over_ssh -- cat data 2>&1 | tail -n 1)"
left 'a full disk'
kill $sshd
wait $sshd 2>/dev/null
finish
