#!/bin/bash
# vm.sh - run one command in a throw-away Linux guest (arm64 or amd64).
#
#   vm.sh [options] ARCH DIR COMMAND          run COMMAND with the guest's sh -c
#   vm.sh [options] ARCH DIR PROG ARG ARG...  run that argument vector as it is
#   vm.sh [options] fetch ARCH [PKG...]       fill the cache; print where it is
#   vm.sh [options] package ARCH PKG          unpack PKG alone; print where it is
#
# A Debian kernel and a static busybox are downloaded with apt into a cache
# (no root, no change to the host's dpkg: apt runs on a private state
# directory), an initramfs is built from them and from a copy of DIR, and
# qemu boots it without a display.  COMMAND runs as root in the guest, in the
# copy of DIR (/host).  Its stdout and stderr come out of vm.sh's stdout and
# stderr, byte for byte and separately, and vm.sh exits with its status.
# The guest kernel's own messages go to a log, shown only on trouble or -v.
#
# Exit status:  the command's;  124 = out of time (-t);  125 = the guest did
# not get as far as a status (panic, qemu failure) or vm.sh could not start it.
#
# Options:
#   -t SEC        limit for the whole run of the guest, boot included (300)
#   -m MIB        guest memory (512; DIR and packages live in it too)
#   -c N          guest CPUs (2)
#   -f FLAVOUR    kernel: cloud (small, the default), full, or the name of a
#                 package, e.g. linux-image-6.12-cloud-amd64
#   -M MOD[,MOD]  load these kernel modules (their dependencies come along)
#   -L            AF_VSOCK loopback inside the guest (same as -M vsock_loopback)
#   -n            user-mode network: the guest is 10.0.2.15 on eth0, the host's
#                 127.0.0.1 is 10.0.2.2 seen from the guest
#   -H HP:GP      forward the host's 127.0.0.1:HP (TCP) to the guest's port GP;
#                 implies -n; may be repeated
#   -V SOCKET     virtio-vsock device backed by the vhost-user daemon listening
#                 on SOCKET (see vsock.sh); may not be combined with -K
#   -K CID        virtio-vsock device backed by the kernel of the machine that
#                 runs qemu (/dev/vhost-vsock).  Meant for nested guests only.
#   -p PKG[,PKG]  Debian packages to unpack into the guest's root, with all they
#                 depend on (unpacked only: no maintainer script is run).  Also
#                 dash: busybox's own sh prefers its applets to what is in PATH
#   -s HOSTDIR    9p share of HOSTDIR, read-write, on /share (needs -f full)
#   -e NAME=VAL   environment for the command; may be repeated
#   -o OUTDIR     after the command, copy the guest's /out into OUTDIR
#   -l FILE       keep the guest's console log in FILE
#   -q ARGS       more arguments for qemu (split at blanks); may be repeated
#   -a ARGS       more arguments for the kernel's command line
#   -i            no COMMAND: a shell on the guest's console (^A x ends qemu)
#   -S STAGEDIR   do not run: leave kernel, initramfs and a script qemu.sh there
#                 (to boot this guest inside another one)
#   -v            console log to stderr as it comes, and timings
#
# Environment:
#   VM_CACHE   cache directory (~/.cache/rsc-vm)
#   VM_SUITE   Debian suite of the guest's packages (bookworm)
#   VM_MIRROR  Debian mirror (the one this machine's apt uses)
#   VM_ACCEL   qemu accelerator (tcg,thread=multi).  Not guessed from /dev/kvm:
#              under KVM-PVM that node exists and yet boots no stock kernel.
#   VM_UPDATE  1: refresh the package index and take newer packages
#
# Needs on the host: apt-get, dpkg-deb, cpio, kmod (depmod, modprobe), flock,
# xz, and qemu-system-arm or qemu-system-x86.

set -u
PATH=$PATH:/usr/sbin:/sbin          # depmod, modprobe

say() { printf 'vm.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 125; }
usage() { sed -n '2,/^set -u/{/^#/!d;s/^# \{0,1\}//;p}' "$0" >&2; exit 125; }
now() { date +%s.%N; }

timeout=300 mem=512 cpus=2 flavour=cloud modules='' net=0 fwd='' vu_sock=''
vhost_cid='' pkgs='' share='' outdir='' logfile='' kargs='' interactive=0 verbose=0
stage='' fresh='' qargs=() envs=()
while getopts t:m:c:f:M:LnH:V:K:p:s:e:o:l:q:a:S:ivh o; do
	case $o in
		t) timeout=$OPTARG ;;      m) mem=$OPTARG ;;       c) cpus=$OPTARG ;;
		f) flavour=$OPTARG ;;      L) modules+=" vsock_loopback" ;;
		M) modules+=" ${OPTARG//,/ }" ;;
		n) net=1 ;;
		H) net=1; [[ $OPTARG =~ ^[0-9]+:[0-9]+$ ]] || die "-H wants HOSTPORT:GUESTPORT"
			 fwd+=",hostfwd=tcp:127.0.0.1:${OPTARG%%:*}-:${OPTARG##*:}" ;;
		V) vu_sock=$OPTARG ;;      K) vhost_cid=$OPTARG ;;
		p) pkgs+=" ${OPTARG//,/ }" ;;
		s) share=$OPTARG ;;        e) envs+=("$OPTARG") ;;
		o) outdir=$OPTARG ;;       l) logfile=$OPTARG ;;
		q) read -r -a more <<<"$OPTARG"; qargs+=("${more[@]}") ;;
		a) kargs+=" $OPTARG" ;;    i) interactive=1 ;;      v) verbose=1 ;;
		S) stage=$OPTARG ;;
		*) usage ;;
	esac
done
shift $((OPTIND - 1))
fetch=0
case ${1-} in fetch) fetch=1; shift ;; package) fetch=2; shift ;; esac
[ $# -ge 1 ] || usage
case $1 in
	arm64|aarch64) arch=arm64 qemu=qemu-system-aarch64 ;;
	amd64|x86_64)  arch=amd64 qemu=qemu-system-x86_64 ;;
	*) die "unknown architecture: $1 (arm64 or amd64)" ;;
esac
shift

cache=${VM_CACHE:-$HOME/.cache/rsc-vm}
suite=${VM_SUITE:-bookworm}
mirror=${VM_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null |
											sed -n 's#/debian/*$##p' | head -n 1)}
[ -n "$mirror" ] || { echo "vm.sh: no Debian mirror found in apt's settings: set VM_MIRROR" >&2; exit 125; }
accel=${VM_ACCEL:-tcg,thread=multi}
mkdir -p "$cache" || die "cannot make $cache"
cache=$(cd "$cache" && pwd)
t_start=$(now)

# ---------------------------------------------------------------- packages --
# A private apt: its own lists, its own (empty) dpkg status, one architecture.
# With an empty status, "install --download-only" fetches the whole dependency
# closure, which is what an unpacked root needs.

aptdir=$cache/apt-$suite-$arch
APT=(apt-get -q -o "APT::Architecture=$arch" -o "APT::Architectures=$arch"
		 -o "Dir::State=$aptdir/state" -o "Dir::State::status=$aptdir/state/status"
		 -o "Dir::Cache=$aptdir/cache" -o "Dir::Etc::sourcelist=$aptdir/sources.list"
		 -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null
		 -o Acquire::Languages=none -o Acquire::Retries=3
		 -o "APT::Sandbox::User=$(id -un)" -o Debug::NoLocking=1)

apt_ready() {           # package index present (fetched once per cache)
	[ -e "$aptdir/updated" ] && { [ "${VM_UPDATE:-0}" != 1 ] || [ -n "$fresh" ]; } && return
	local k='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
	mkdir -p "$aptdir/state/lists/partial" "$aptdir/cache/archives/partial" || return
	: >"$aptdir/state/status"
	{ echo "deb $k $mirror/debian $suite main"
		if [ "$suite" != sid ]; then
			echo "deb $k $mirror/debian $suite-updates main"
			echo "deb $k $mirror/debian-security $suite-security main"
		fi
	} >"$aptdir/sources.list"
	say "fetching the $suite/$arch package index"
	"${APT[@]}" update --error-on=any >"$aptdir/log" 2>&1 || { cat "$aptdir/log" >&2; return 1; }
	: >"$aptdir/updated"
	fresh=1
}

# unpack_closure NAME PKG...: the packages and everything they depend on, in
# $cache/root-SUITE-ARCH-NAME, with /bin, /lib... merged into /usr as in Debian.
unpack_closure() {
	local dir=$cache/root-$suite-$arch-$1 tmp deb d; shift
	if [ ! -e "$dir/.complete" ] || [ "${VM_UPDATE:-0}" = 1 ]; then
		apt_ready || return
		say "fetching $* and dependencies ($suite/$arch)"
		local list=$aptdir/uris
		# the list of files; an empty archives directory, or cached ones are left out
		rm -rf "$aptdir/none"; mkdir -p "$aptdir/none/partial" || return
		if ! "${APT[@]}" -y --no-install-recommends -o "Dir::Cache::archives=$aptdir/none" \
					 --print-uris install "$@" >"$list" 2>"$aptdir/log" ||
			 ! "${APT[@]}" -y --no-install-recommends --download-only install "$@" \
					 >"$aptdir/log" 2>&1 || ! grep -q "^'" "$list"; then
			cat "$aptdir/log" >&2; return 1
		fi
		tmp=$dir.tmp; rm -rf "$tmp"; mkdir -p "$tmp" || return
		for d in bin sbin lib lib64; do mkdir -p "$tmp/usr/$d"; ln -s "usr/$d" "$tmp/$d"; done
		while read -r _ deb _; do
			dpkg-deb --fsys-tarfile "$aptdir/cache/archives/$deb" |
				tar -x -C "$tmp" --keep-directory-symlink --no-same-owner || return
		done < <(grep "^'" "$list")
		sed -n "s/^'[^']*' \([^ ]*\) \([0-9]*\).*/\1 \2/p" "$list" >"$tmp/.complete"
		rm -rf "$dir"; mv "$tmp" "$dir"
	fi
	root=$dir
}

# one_package PKG: that package alone, unpacked in $cache/pkg-SUITE-ARCH-PKG
one_package() {
	local dir=$cache/pkg-$suite-$arch-$1
	if [ ! -e "$dir/.complete" ] || [ "${VM_UPDATE:-0}" = 1 ]; then
		apt_ready || return
		local tmp=$dir.tmp
		rm -rf "$tmp" "$dir.deb"; mkdir -p "$tmp" "$dir.deb" || return
		(cd "$dir.deb" && "${APT[@]}" download "$1") >"$aptdir/log" 2>&1 ||
			{ cat "$aptdir/log" >&2; return 1; }
		dpkg-deb -x "$dir.deb"/*.deb "$tmp" || return
		(cd "$dir.deb" && stat -c '%n %s' -- *.deb) >"$tmp/.complete"
		say "fetched $(cat "$tmp/.complete") bytes"
		rm -rf "$dir" "$dir.deb"; mv "$tmp" "$dir"
	fi
	root=$dir
}

prepare() {             # under the cache's lock
	case $flavour in
		cloud) kpkg=linux-image-cloud-$arch ;;
		full)  kpkg=linux-image-$arch ;;
		*)     kpkg=$flavour ;;
	esac
	# the meta package names the real one; remember the answer in the cache
	local named=$cache/kernel-$suite-$arch-$kpkg p
	if [ ! -e "$named" ] || [ "${VM_UPDATE:-0}" = 1 ]; then
		apt_ready || return
		real=$(apt-cache "${APT[@]:2}" depends "$kpkg" |
					 sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n1)
		echo "${real:-$kpkg}" >"$named"
	fi
	real=$(cat "$named")
	one_package "$real" || return
	kroot=$root
	vmlinuz() { find "$kroot/boot" "$kroot"/usr/lib/modules/*/ "$kroot"/usr/lib/linux \
								-name 'vmlinu[xz]*' 2>/dev/null | head -n1; }
	if [ -z "$(vmlinuz)" ]; then          # newer than trixie: split in three packages
		kroot=$cache/split-$suite-$arch-$real
		if [ ! -e "$kroot/.joined" ]; then
			rm -rf "$kroot"; mkdir -p "$kroot" || return
			for p in base binary modules; do
				one_package "linux-$p-${real#linux-image-}" || return
				cp -a "$root/." "$kroot/" || return
			done
			: >"$kroot/.joined"
		fi
	fi
	[ -d "$kroot/lib" ] || ln -s usr/lib "$kroot/lib"     # trixie and later
	kver=$(ls "$kroot/lib/modules") && kernel=$(vmlinuz) && [ -n "$kernel" ] || return
	[ -e "$kroot/lib/modules/$kver/modules.dep.bin" ] || depmod -b "$kroot" "$kver" || return
	one_package busybox-static || return
	bb=$root/bin/busybox; [ -e "$bb" ] || bb=$root/usr/bin/busybox
	proot=
	if [ -n "${pkgs// }" ]; then
		[ $fetch = 1 ] || pkgs+=" dash"
		local key; key=$(printf '%s\n' $pkgs | sort -u | tr '\n' '+')
		key=${key%+}; [ ${#key} -le 80 ] || key=$(printf %s "$key" | sha256sum | cut -c1-32)
		# shellcheck disable=SC2086
		unpack_closure "$key" $(printf '%s\n' $pkgs | sort -u) || return
		proot=$root
		if [ $fetch = 0 ] &&
			 { [ ! -e "$proot.cpio" ] || [ "$proot/.complete" -nt "$proot.cpio" ]; }; then
			# documentation and translations only cost boot time
			(cd "$proot" && find . -path ./usr/share/doc -prune -o -path ./usr/share/man -prune \
				 -o -path ./usr/share/locale -prune -o -name .complete -prune -o -print |
			 cpio -o -H newc -R 0:0 --quiet) >"$proot.cpio.tmp" &&
			mv "$proot.cpio.tmp" "$proot.cpio" || return
		fi
	fi
}

for c in apt-get dpkg-deb cpio depmod modprobe flock xz; do
	command -v $c >/dev/null || die "$c is missing"
done
[ $fetch = 1 ] && pkgs+=" $*"
{ exec 9>"$cache/lock" && flock 9; } || die "cannot lock $cache"
if [ $fetch = 2 ]; then
	[ $# = 1 ] || usage
	one_package "$1" || die "could not fetch $1"
	echo "$root"; exit 0
fi
prepare || die "could not prepare the $arch guest's files"
exec 9>&-
if [ $fetch = 1 ]; then
	echo "kernel=$kernel"
	echo "busybox=$bb"
	[ -z "$proot" ] || echo "root=$proot"
	exit 0
fi

# ----------------------------------------------------------- the initramfs --

[ $# -ge 1 ] || usage
dir=$1; shift
[ -d "$dir" ] || die "$dir: not a directory"
[ $# -ge 1 ] || [ $interactive = 1 ] || usage
[ -n "$stage" ] || command -v $qemu >/dev/null || die "$qemu is missing"

run=$(mktemp -d "${TMPDIR:-/tmp}/vm.XXXXXX") || exit 125
qpid=
cleanup() {
	[ -n "$qpid" ] && kill "$qpid" 2>/dev/null && wait "$qpid" 2>/dev/null
	rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

ird=$run/ird
mkdir -p "$ird/vm/modules" "$ird/vm/bin" "$ird/host" || exit 125
cp "$bb" "$ird/vm/busybox" || exit 125

# modules: what the transport of output needs, then what was asked for, in an
# order in which plain insmod works
base="virtio_pci virtio_console"
[ $net = 1 ] && base+=" virtio_net"
[ -n "$vu_sock$vhost_cid" ] && base+=" vmw_vsock_virtio_transport"
[ -n "$share" ] && base+=" 9pnet_virtio 9p"
n=100
seen=" "
for m in $base $modules; do
	deps=$(modprobe -d "$kroot" -S "$kver" --ignore-install --show-depends "$m" 2>"$run/err") ||
		die "no module $m in $real: $(cat "$run/err")"
	while read -r what ko _; do
		[ "$what" = insmod ] || continue              # the others are built in
		case $seen in *" $ko "*) continue ;; esac
		seen+="$ko "
		b=$(basename "$ko"); b=${b%.xz}; b=${b%.zst}
		case $ko in
			*.xz)  xz -dc "$ko" ;;
			*.zst) zstd -qdc "$ko" ;;
			*)     cat "$ko" ;;
		esac >"$ird/vm/modules/$n-$b" || die "cannot copy $ko"
		n=$((n + 1))
	done <<<"$deps"
done

q() { local s=${1//\'/\'\\\'\'}; printf "'%s' " "$s"; }     # quote for sh
{
	for e in ${envs[@]+"${envs[@]}"}; do printf 'export '; q "$e"; echo; done
	echo 'cd /host'
	if [ $interactive = 1 ]; then echo 'exec setsid cttyhack sh'
	elif [ $# = 1 ]; then printf 'exec /bin/sh -c '; q "$1"; echo
	else printf 'exec '; for a in "$@"; do q "$a"; done; echo
	fi
} >"$ird/vm/command"
printf 'net=%s\nshare=%s\ninteractive=%s\nout=%s\n' \
	$net "${share:+1}" $interactive "${outdir:+1}" >"$ird/vm/config"

cat >"$ird/init" <<'GUEST'
#!/vm/busybox sh
# The guest's process 1.  Made by vm.sh.
B=/vm/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/vm/bin
export HOME=/root LANG=C.UTF-8 TERM=linux VM_GUEST=1
$B --install -s /vm/bin
mkdir -p /dev /proc /sys /run /tmp /root /etc /bin /usr/bin /out
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777,size=90% tmp /tmp
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
ln -s /proc/self/fd /dev/fd; ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout; ln -s fd/2 /dev/stderr
chmod 1777 /out
[ -e /bin/dash ] && ln -sf dash /bin/sh
[ -e /bin/sh ] || ln -s $B /bin/sh
[ -e /usr/bin/env ] || ln -s $B /usr/bin/env
[ -e /etc/passwd ] || {
	echo 'root:x:0:0:root:/root:/bin/sh'
	echo 'tester:x:1000:1000:tester:/tmp:/bin/sh'
	echo 'nobody:x:65534:65534:nobody:/:/bin/sh'; } >/etc/passwd
[ -e /etc/group ] || printf 'root:x:0:\ntester:x:1000:\nnogroup:x:65534:\n' >/etc/group
[ -e /etc/hosts ] || echo '127.0.0.1 localhost guest' >/etc/hosts
hostname guest
. /vm/config
for m in /vm/modules/*; do insmod "$m" || echo "vm: insmod $m failed"; done
ip link set lo up
if [ "$net" = 1 ]; then
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0
	ip route add default via 10.0.2.2
	echo 'nameserver 10.0.2.3' >/etc/resolv.conf
fi
if [ "$share" = 1 ]; then
	mkdir -p /share
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 share /share
fi
if [ "$interactive" = 1 ]; then
	sh /vm/command
	poweroff -f
fi
# The ports, by name (there is no udev here to make /dev/virtio-ports).  Ports
# and their names arrive some time after the driver: wait for all four.
i=0
while :; do
	for p in /sys/class/virtio-ports/vport*; do
		n=; read -r n 2>/dev/null <"$p/name"
		if [ -n "$n" ]; then ln -sf "/dev/${p##*/}" "/vm/port.$n"; fi
	done
	[ -e /vm/port.out ] && [ -e /vm/port.err ] && [ -e /vm/port.tar ] &&
		[ -e /vm/port.status ] && break
	i=$((i + 1))
	[ $i -lt 600 ] || { echo 'vm: no ports'; poweroff -f; }
	sleep 0.05
done
# Pipes between the command and the ports: a port can be opened only once, so
# a command that reopens /dev/stdout would get EBUSY.
mkfifo /vm/pipe.out /vm/pipe.err
cat /vm/pipe.out >/vm/port.out & c1=$!
cat /vm/pipe.err >/vm/port.err & c2=$!
echo "vm: command starts, up $(cut -d' ' -f1 /proc/uptime) s"
/bin/sh /vm/command </dev/null >/vm/pipe.out 2>/vm/pipe.err
s=$?
echo "vm: command ended, status $s, up $(cut -d' ' -f1 /proc/uptime) s"
for p in /proc/[0-9]*; do             # what the command left running
	p=${p#/proc/}
	case " 1 $c1 $c2 " in *" $p "*) ;; *) kill -9 "$p" 2>/dev/null ;; esac
done
wait $c1 $c2
[ "$out" = 1 ] && tar -c -C /out . >/vm/port.tar
echo "status $s" >/vm/port.status
sync
poweroff -f
GUEST
chmod 755 "$ird/init"
cpio_dir() { (cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet); }
initrd=$run/initrd
{
	if [ -n "$proot" ]; then cat "$proot.cpio"; fi      # first: ours wins
	cpio_dir "$ird"
	mkdir "$run/d" && ln -s "$(cd "$dir" && pwd)" "$run/d/host"
	# DIR under the name /host, symlinks in it kept as they are
	(cd "$run/d" && find host/ | cpio -o -H newc -R 0:0 --quiet)
} >"$initrd" || die "cannot build the initramfs"

# The guest holds the initramfs twice for a moment, and its root (a tmpfs) may
# fill half of the memory.
need=$(( 192 + 3 * $(stat -c %s "$initrd") / 1048576 ))
[ "$mem" -ge $need ] || { say "guest memory raised to $need MiB"; mem=$need; }

# ------------------------------------------------------------------- qemu --

files=$run                              # where qemu writes: one file per port
if [ -n "$stage" ]; then
	mkdir -p "$stage" && cp "$kernel" "$stage/kernel" && mv "$initrd" "$stage/initrd" ||
		die "cannot fill $stage"
	kernel=@HERE@/kernel initrd=@HERE@/initrd files=@RUN@
fi
args=(-nodefaults -no-user-config -display none -no-reboot
			-accel "$accel" -m "$mem" -smp "$cpus" -kernel "$kernel" -initrd "$initrd"
			-device virtio-serial-pci)
for p in out err tar status; do
	args+=(-chardev "file,id=$p,path=$files/$p" -device "virtserialport,chardev=$p,name=$p")
done
mopt=
if [ -n "$vu_sock" ]; then          # a vhost-user daemon must see guest memory
	args+=(-object "memory-backend-memfd,id=ram,size=${mem}M,share=on"
				 -chardev "socket,id=vsock,path=$vu_sock" -device vhost-user-vsock-pci,chardev=vsock)
	mopt=,memory-backend=ram
elif [ -n "$vhost_cid" ]; then
	args+=(-device "vhost-vsock-pci,guest-cid=$vhost_cid")
fi
case $arch in
	# cortex-a72: emulating pointer authentication (-cpu max) costs time
	arm64) args+=(-M "virt$mopt" -cpu cortex-a72); con=ttyAMA0 ;;
	amd64) args+=(-M "pc$mopt" -cpu max); con=ttyS0 ;;
esac
[ $net = 0 ] || args+=(-netdev "user,id=n0$fwd" -device virtio-net-pci,netdev=n0,romfile=)
[ -z "$share" ] || args+=(-virtfs "local,path=$share,mount_tag=share,security_model=none")
args+=(${qargs[@]+"${qargs[@]}"}
			 -append "console=$con panic=-1 random.trust_cpu=on cryptomgr.notests$kargs")

if [ -n "$stage" ]; then
	{
		echo '#!/bin/sh'
		echo "# Boots the guest staged here by vm.sh; \$QEMU runs $qemu, and \$RUN is the"
		echo '# directory for its files: console, out, err, tar, status ("status N").'
		echo 'HERE=$(cd "$(dirname "$0")" && pwd)'
		printf 'exec ${QEMU:-%s}' "$qemu"
		for w in "${args[@]}" -chardev file,id=con,path=@RUN@/console -serial chardev:con; do
			w=${w//@HERE@/\$HERE}; printf ' "%s"' "${w//@RUN@/\$RUN}"
		done
		echo
	} >"$stage/qemu.sh"
	exit 0
fi
if [ $interactive = 1 ]; then
	$qemu "${args[@]}" -serial mon:stdio
	exit
fi

: >"$run/console"; : >"$run/out"; : >"$run/err"; : >"$run/status"; : >"$run/tar"
t_boot=$(now)
timeout -k 5 "$timeout" $qemu "${args[@]}" \
	-chardev "file,id=con,path=$run/console" -serial chardev:con </dev/null 2>"$run/qemu.err" &
qpid=$!
follow() { tail -q -s 0.05 -c +1 -f --pid=$qpid "$1"; }
follow "$run/out" & tails=$!
follow "$run/err" >&2 & tails+=" $!"
[ $verbose = 0 ] || { follow "$run/console" >&2 & tails+=" $!"; }
wait $qpid; qst=$?
qpid=
# shellcheck disable=SC2086
wait $tails
t_end=$(now)

[ -z "$logfile" ] || cp "$run/console" "$logfile"
trouble() {
	say "$*"
	sed 's/^/qemu: /' "$run/qemu.err" >&2
	[ $verbose = 1 ] || { say "end of the guest's console:"; tail -n 30 "$run/console" >&2; }
}
if [ $verbose = 1 ]; then
	awk -v a="$t_start" -v b="$t_boot" -v c="$t_end" -v k="$kver" \
		'BEGIN { printf "vm.sh: kernel %s, prepared in %.2f s, qemu ran %.2f s\n", k, b-a, c-b }' >&2
fi
if read -r word st <"$run/status" && [ "$word" = status ]; then
	if [ -n "$outdir" ]; then
		mkdir -p "$outdir" && tar -x -C "$outdir" --no-same-owner -f "$run/tar" ||
			{ say "cannot unpack /out into $outdir"; exit 125; }
	fi
	exit "$st"
elif [ $qst = 124 ] || [ $qst = 137 ]; then
	trouble "out of time after $timeout s"; exit 124
else
	trouble "the guest ended without a status (qemu: $qst)"; exit 125
fi
