#!/bin/bash
# Runs a command in a world of its own, where tests that are run as root can
# damage nothing: mount, uts, ipc, net and pid namespaces; /etc, /home, /root
# and /var are overlays, /dev, /dev/shm and /tmp are its own. All that runs in
# it ends with the command.
# usage: worlds.sh SUITES RESULTS RSC CMD...
#
# Both worlds see the folder SUITES as /mnt/suites, the folder RESULTS as
# /mnt/results and the binary RSC as /mnt/rsc. /mnt/scratch, where the files of
# the tests live, is each world's own; /mnt/changed shows what is not any more in
# this one's overlays as it was.
#
# With SERVER=1 in the environment a server is run in a second world, which has
# another host name, other pids and an /etc, /dev/shm and /mnt/scratch of its
# own; a network connects the two. It listens at /mnt/rsc.sock, its log is
# /mnt/results/server.log, and SERVER_WORLD is that world's first process.
set -euo pipefail

# ---- outside ----

if [ -z "${WORLD-}" ]; then
	suites=$1
	results=$2
	rsc=$3
	shift 3
	# Not in TMPDIR: nothing that is overlaid may lie on top of it.
	WORLD=$(mktemp -d /tmp/rsc-conformance.XXXXXX)
	export WORLD
	remove() {
		# Some tests make files immutable.
		find "$WORLD" -xdev -exec chattr -fi -a {} + || true
		rm -rf --one-file-system "$WORLD"
	}
	trap remove EXIT
	mkdir -p "$WORLD"/{mnt,overlay,dev} "$WORLD"/{here,there}/{scratch,tmp}
	mkdir "$WORLD"/mnt/{suites,results,scratch,changed}
	touch "$WORLD/mnt/rsc"
	chmod 1777 "$WORLD"/{here,there}/*
	status=0
	unshare --mount --uts --ipc --net --pid --fork --kill-child \
		--mount-proc bash "$0" "$suites" "$results" "$rsc" "$@" ||
		status=$?
	exit $status
fi

# ---- here ----

overlay() {	# NAME DIR...
	local name=$1 dir

	for dir in "${@:2}"; do
		mkdir -p "$WORLD/overlay/$name/$dir"/{upper,work}
		(cd "$WORLD/overlay/$name/$dir" && mount -t overlay overlay \
			-o "lowerdir=/$dir,upperdir=upper,workdir=work" "/$dir")
	done
}

make_dev() {
	local dev=$WORLD/dev name major minor

	mount -t tmpfs -o mode=755,size=16m dev "$dev"
	while read -r name major minor; do
		mknod -m 666 "$dev/$name" c "$major" "$minor"
	done <<-'END'
		null 1 3
		zero 1 5
		full 1 7
		random 1 8
		urandom 1 9
		tty 5 0
	END
	mkdir "$dev"/{pts,shm,mqueue}
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts \
		"$dev/pts"
	ln -s pts/ptmx "$dev/ptmx"
	mount -t tmpfs -o mode=1777 shm "$dev/shm"
	mount -t mqueue mqueue "$dev/mqueue"
	ln -s /proc/self/fd "$dev/fd"
	ln -s fd/0 "$dev/stdin"
	ln -s fd/1 "$dev/stdout"
	ln -s fd/2 "$dev/stderr"
	mount --move "$dev" /dev
}

enter() {	# SUITES RESULTS RSC
	hostname here
	ip link set lo up multicast on
	ip address add ::1/128 dev lo 2>/dev/null || true
	ip route add 224.0.0.0/4 dev lo
	mount -t sysfs sysfs /sys
	overlay here etc root home var
	make_dev
	mount --bind "$1" "$WORLD/mnt/suites"
	mount --bind "$2" "$WORLD/mnt/results"
	mount --bind "$3" "$WORLD/mnt/rsc"
	mount --bind "$WORLD/here/scratch" "$WORLD/mnt/scratch"
	mount --bind "$WORLD/overlay/here" "$WORLD/mnt/changed"
	mount --rbind "$WORLD/mnt" /mnt
	cd /mnt
}

# The first process of the server's world; bash buries the orphans there.
init_there() {
	set -e
	exec 7<>"$WORLD/hold" 8>"$WORLD/up"
	hostname there
	ip link set lo up
	mount -t sysfs sysfs /sys
	mount --bind "$WORLD/there/scratch" /mnt/scratch
	mount -t tmpfs -o mode=1777 shm /dev/shm
	overlay there etc home root var
	echo there >/etc/hostname
	# What stands there so far hides behind it.
	mount --bind "$WORLD/there/tmp" /tmp
	echo >&8
	read -r _ <&7
}

make_there() {
	local holder

	mkfifo "$WORLD"/{up,hold,ready}
	export -f init_there overlay
	unshare --mount --uts --ipc --net --pid --fork --kill-child \
		--mount-proc bash -c init_there </dev/null &
	holder=$!
	read -r _ <"$WORLD/up"
	SERVER_WORLD=$(<"/proc/$holder/task/$holder/children")
	SERVER_WORLD=${SERVER_WORLD% }
	export SERVER_WORLD
	ip link add here type veth peer name there netns "$SERVER_WORLD"
	ip address add 10.77.0.2/24 dev here
	ip link set here up
	there=(nsenter -t "$SERVER_WORLD" -m -u -i -n -p --)
	"${there[@]}" ip address add 10.77.0.1/24 dev there
	"${there[@]}" ip link set there up
}

serve() {
	local url

	"${there[@]}" /mnt/rsc serve --listen unix:///mnt/rsc.sock \
		--ready-fd 9 9>"$WORLD/ready" 2>/mnt/results/server.log &
	read -r url <"$WORLD/ready" || {
		echo "worlds: the server does not start:" >&2
		cat /mnt/results/server.log >&2
		exit 1
	}
}

enter "$1" "$2" "$3"
shift 3
if [ -n "${SERVER-}" ]; then
	make_there
	serve
fi
mount --bind "$WORLD/here/tmp" /tmp
status=0
"$@" || status=$?
exit $status
