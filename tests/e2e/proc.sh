#!/bin/bash
# /proc of the program's own processes; descriptors by name; processes of both
# machines by their numbers.
. "$(dirname "$0")/lib.sh"
build pids
worlds
serve main
prepare '
	mkdir -p sub/deep; echo "line one" >f; echo two >sub/g
	printf "%s\n" "cat \"\$0\" >/dev/null" "echo script" >s
'

# The same there and here, in every mode.
for cmd in \
	'readlink /proc/self/exe /proc/self/cwd /proc/self/root' \
	'cd sub/deep; readlink /proc/self/cwd; readlink /proc/$$/cwd' \
	'cat /proc/self/cwd/f; cat /proc/self/root/etc/os-release' \
	'cat /proc/$$/cwd/f; bash -c "cat /proc/\$PPID/root/etc/hostname; :" & wait' \
	'readlink /proc/self/fd/3 3<f' \
	'exec 3<f 4<sub/g; cat /proc/self/fd/3 /proc/$$/fd/4 /dev/fd/4' \
	'exec 3<sub; cat /proc/self/fd/3/g; readlink /proc/$$/fd/3' \
	'exec 3<sub/g; stat -Lc "%s %F" /proc/self/fd/3 /dev/fd/3' \
	'cat /dev/stdin <f; cat <f /proc/self/fd/0; echo out >/dev/stdout' \
	'echo err 2>&1 >/dev/stderr; echo more >>/dev/fd/2' \
	'cat <(echo a process) <(cat f); cmp <(cat f) <(cat f)' \
	'echo x | tee >(cat >made) >/dev/null; until [ -s made ]; do :; done
		cat made' \
	'echo piped | cat /dev/stdin; echo piped | cat /proc/self/fd/0' \
	'cat /proc/self/comm; tr "\0" " " </proc/self/cmdline' \
	'exec env -i A=b bash -c "tr \"\0\" \"\n\" </proc/self/environ"' \
	'test $(readlink /proc/self) -gt 0 && echo a number' \
	'cd /proc/self && pwd && pwd -P | tr -d 0-9; cat comm' \
	'cd /proc/$$/fd && pwd -P | tr -d 0-9; ls -d 0' \
	'ls /proc/self/task | wc -l; ls -d /proc/self/task/$$ 2>&1 | wc -l' \
	'bash s; bash <f 2>&1 | tail -c 20; bash /dev/stdin <s' \
	'test -d /proc/$$ && test -e /proc/self/maps && echo there' \
	'grep -c "^Name:" /proc/self/status; grep -q bash /proc/$$/status; echo $?' \
	'exec 3>w; echo through >/proc/self/fd/3; echo again >/dev/fd/3; cat w' \
	'head -c 4 /proc/self/maps | wc -c; grep -c " /.*/libc[.]" /proc/$$/maps' \
	'cat /proc/mounts >m; cat /proc/self/mounts | cmp - m; echo $?' \
	'cat /proc/net/dev | cmp - /proc/self/net/dev; echo $?' \
	'df .; df -a | wc -l; findmnt -no TARGET,FSTYPE /srv; findmnt | wc -l' \
	'cut -d " " -f 5 /proc/self/mountinfo /proc/$$/mountinfo' \
	'wc -l </proc/self/mountstats; findmnt -T /srv/w -no TARGET' \
	'exec 3<>f; read -rn 3 -u 3; grep -e pos -e flags /proc/self/fdinfo/3' \
	'python3 -c "import mmap
f = open(\"f\")
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
for name in \"maps\", \"smaps\":
	print([x.split(None, 5)[5] for x in open(\"/proc/self/\" + name)
		if x.endswith(\"/f\n\")])
print(\"memfd\" in open(\"/proc/self/maps\").read())"' \
	'cp /usr/bin/readlink rl; cp /bin/grep g; ./rl /proc/self/exe
		./g -c "$PWD/g$" /proc/self/maps; ./g -c "rsc" /proc/self/maps
		cmp g /proc/self/exe; ./g -a -m 1 -o "^.ELF" /proc/self/exe' \
	'grep -E "^(State|Tracer|Seccomp|Uid|Gid|Groups|Cap|Thr)" /proc/self/status'; do
	same bash -c "$cmd"
done
MODES=(--all)
for cmd in \
	'sleep 9 & kill -STOP $!; until grep "^State.*T" /proc/$!/status; do :
		done; ps -o stat= $! | cut -c 1; kill -CONT $!
		until grep "^State.*S" /proc/$!/status; do :; done
		kill $!' \
	'read -ra s </proc/$$/stat; read -r up _ </proc/uptime
		age=$((10#${up/./} - s[21])); echo $((age >= 0 && age < 6000))' \
	'ps -o uid= $$'; do
	same bash -c "$cmd"
done
same setpriv --reuid 1000 --regid 1000 --groups 5,6 \
	bash -c 'grep -E "^(Uid|Gid|Groups|Cap)" /proc/self/status /proc/$$/status |
		sed "s/[0-9]*.status//"; id'
MODES=('' --all)

same python3 -c '
import os
pid = os.getpid()
assert os.readlink("/proc/self") == str(pid)
assert open("/proc/self/stat").read().split()[0] == str(pid)
assert open("/proc/self/status").read().split("Pid:\t")[1].startswith(str(pid))
assert os.readlink("/proc/self/cwd") == os.getcwd()
f = open("f")
assert os.readlink(f"/proc/self/fd/{f.fileno()}") == os.getcwd() + "/f"
assert os.readlink(f"/proc/{pid}/fd/{f.fileno()}") == os.getcwd() + "/f"
assert os.path.samefile(f"/proc/{pid}/fd/{f.fileno()}", "f")
assert {"0", "1", "2", "3"} <= set(os.listdir("/proc/self/fd"))
d = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
g = os.open("comm", os.O_RDONLY, dir_fd=d)
print(os.read(g, 99), os.readlink("exe", dir_fd=d)[:8])
os.chdir("/proc/self")
print(open("comm").read(), os.getcwd() == f"/proc/{pid}")
d = os.open("/proc/self/task", os.O_PATH | os.O_DIRECTORY)
print(os.stat(str(pid), dir_fd=d).st_nlink > 1)
e = os.open("exe", os.O_PATH | os.O_NOFOLLOW, dir_fd=os.open("/proc/self", 0))
print(os.readlink("", dir_fd=e)[:8])
s = os.open("/proc/self", os.O_PATH | os.O_NOFOLLOW)
print(os.readlink("", dir_fd=s) == str(pid))
print(os.readlink("self", dir_fd=os.open("/proc", os.O_PATH)) == str(pid))
child = os.fork()
if not child:
	me = os.getpid()
	assert os.getppid() == pid and os.readlink("/proc/self") == str(me)
	os.chdir("/srv/w/sub")
	os._exit(0)
print(os.waitpid(child, 0)[1])
for name in "/proc/self/nothing", "/proc/self/fd/99", "/dev/fd/77":
	try:
		os.stat(name)
	except OSError as e:
		print(name, e.errno)
'

# ---- processes of both sides by number ----

# A process of the server, which its first process buries.
sleeper() {
	rm -f "/proc/$world/root/srv/w/.pid"
	CWD=/ there setsid -f bash -c 'echo $$ >/srv/w/.pid; exec sleep 1000'
	until pid=$(cat "/proc/$world/root/srv/w/.pid" 2>/dev/null) &&
		[ -n "$pid" ]; do :; done
}
gone() {	# the sleeper dies: its killer may not have seen it yet
	for _ in {1..100}; do
		[ "$(alive)" = alive ] || break
	done
	alive
}
alive() {
	there bash -c "kill -0 $pid 2>/dev/null && echo alive || echo dead"
}

fresh
sleeper
OPTS=(--all)
lone() { sed -E 's/ +/ /g; s/^ //'; }	# columns apart
check 'ps of the server, without the tree' \
	"$(there ps -eo pid,ppid,user,ni,stat,args | grep -v -e ps -e rsc | lone)" \
	"$(ours ps -eo pid,ppid,user,ni,stat,args | grep -v -e ps -e rsc | lone)"
check 'ps shows itself' 1 "$(ours ps aux | grep -c 'ps aux$')"
check 'ps shows the tree' 1 \
	"$(ours bash -c 'sleep 77 & until grep -qx sleep /proc/$!/comm; do :; done
	ps -eo args | grep -cx "sleep 77"; kill $!')"
check 'pgrep' "$pid" "$(ours pgrep -x sleep)"
check 'pidof, both sides' 2 "$(ours bash -c 'sleep 9 & until grep -qx sleep /proc/$!/comm; do :; done
	pidof sleep | wc -w; kill $!')"
check 'a number of the tree is not one of the server' "alive 0" \
	"$(alive) $(there bash -c "kill -0 $(ours bash -c 'echo $$')" 2>&1 |
		grep -vc 'No such process')"
check 'top' 1 "$(ours top -bn1 | grep -c ' sleep$')"
check 'comm, cmdline, status of a process of the server' \
	"sleep sleep 1000 sleep" \
	"$(ours bash -c "cat /proc/$pid/comm | tr '\n' ' '
		tr '\0' ' ' </proc/$pid/cmdline
		sed -n 's/Name:\t//p' /proc/$pid/status")"
afresh() {
	there bash -c "renice 0 $pid; chrt -o -p 0 $pid; taskset -cp 0-63 $pid
		prlimit -p $pid --nofile=100:100" >/dev/null
}
for cmd in "renice -n 5 -p $pid" "chrt -p $pid" "taskset -cp 0 $pid" \
	"chrt -b -p 0 $pid" "chrt -p $pid" "ionice -c 2 -n 5 -p $pid" \
	"ionice -p $pid" "taskset -p $pid" "prlimit -p $pid --nofile=99:100" \
	"prlimit -p $pid --nofile" "ps -o ni=,cls= $pid" "kill -0 $pid" \
	'kill -0 1' "setsid -w kill -STOP $pid"; do
	afresh
	want=$(there bash -c "$cmd" 2>&1)
	afresh
	check "$cmd" "$want" \
		"$(ours bash -c "$cmd" 2>&1)"
done
ours bash -c "renice -n 5 -p $pid; chrt -b -p 0 $pid; taskset -cp 0 $pid" \
	>/dev/null
check 'what was set is set there' '5 BATCH 0' \
	"$(there bash -c "echo \$(ps -o ni= $pid; chrt -p $pid |
		sed -n 's/.*SCHED_\(B.*\)/\1/p'; taskset -cp $pid |
		sed 's/.*: //')")"
check 'stopped' T "$(there ps -o stat= "$pid" | cut -c 1)"
there "$T/bin/pids" "$pid" >"$T/note/want.out"
ours "$T/bin/pids" "$pid" >"$T/note/got.out"
check_file 'each call that takes a pid' "$T/note/want.out" "$T/note/got.out"
check 'what fails' 5 "$(grep -c ': -1' "$T/note/want.out")"
ours "$T/bin/pids" 99999 | grep -v '^[0-9]\|mask\|limit ' >"$T/note/got.out"
check 'nobody' 'ESRCH' \
	"$(awk '$2 == -1 || $3 == -1 { print $NF }' "$T/note/got.out" |
		sort | uniq -c | sort -nr | awk 'NR == 1 { print $2 }')"
check 'kill -9 -1 is for the tree' 'alive' \
	"$(ours bash -c 'sleep 99 & kill -9 -1; wait' 2>/dev/null; alive)"
check 'a group of the server' dead "$(ours bash -c \
	"kill -CONT $pid; kill -TERM -- -\$(ps -o pgid= $pid | tr -d ' ')"
	gone)"
sleeper
check 'python: pidfd, getpgid, sched, priority' "pidfd 0 0 0
gone" "$(ours python3 -c "
import os, signal
pid = $pid
fd = os.pidfd_open(pid)
print('pidfd', os.get_inheritable(fd) + 0, os.sched_getscheduler(pid),
	os.getpriority(os.PRIO_PROCESS, pid))
assert os.getpgid(pid) > 0 and os.getsid(pid) >= 0
assert os.sched_getaffinity(pid) == os.sched_getaffinity(0)
signal.pidfd_send_signal(fd, signal.SIGKILL)
while os.path.exists(f'/proc/{pid}'):
	pass
try:
	os.kill(pid, 0)
except ProcessLookupError:
	print('gone')
" 2>&1)"
check 'renice, killall, pidof of the tree' '3 143 0' "$(ours bash -c '
	sleep 30 & renice -n 3 -p $! >/dev/null
	n=$(ps -o ni= -p $!); killall sleep; wait $!; echo $n $? $(pgrep -cx sleep)')"
check 'a pidfd that is ready is a child that can be waited for' '0 0' "$(
	ours python3 -c '
import os, select, signal
early = 0
for i in range(200):
	pid = os.fork()
	if not pid:
		signal.pause()
	fd = os.pidfd_open(pid)
	os.kill(pid, signal.SIGKILL)
	select.select([fd], [], [])
	r = os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
	early += r is None
	if r is None:
		os.waitpid(pid, 0)
	os.close(fd)
print(early, len(os.listdir("/proc/self/task")) - 1)')"
check 'the parent is a process of the tree' 'rsc rsc yes 1' \
	"$(ours bash -c 'cat /proc/$PPID/comm; ps -o args= $PPID
		kill -0 $PPID && echo yes; ps -o ppid= $PPID' | xargs)"
check 'the tree in the listing' 'yes no' "$(ours python3 -c '
import os
names = os.listdir("/proc")
print("yes" if str(os.getpid()) in names else "no",
	"yes" if len(names) != len(set(names)) else "no")')"
check 'orphans are buried' 0 "$(ours bash -c '
	(perl -e "\$0 = q(orphan)" & exec sleep 0.2) & wait
	echo $(ps -eo comm= | grep -c orphan)')"
check 'the server refuses its own processes' "$(printf 'kill: %s\n' \
	"(SERVER) - Operation not permitted")" "$(ours bash -c \
	"exec 2>&1; kill $(there pgrep -o -x rsc)" |
		sed -E 's/.*(kill: )\([0-9]+\)/\1(SERVER)/')"

# ---- without a namespace: what both sides have is refused ----

WRAP=(setpriv --bounding-set -sys_admin)
rm -f "/proc/$world/root/srv/w/"{mine,go}
mkfifo "/proc/$world/root/srv/w/"{mine,go}
check 'without a namespace, pids of the tree' '0 0' "$(ours bash -c '
	kill -0 $$; a=$?; sleep 30 & kill $!; echo $a $?')"
check 'without a namespace, the parent is of this machine' '0 rsc' "$(ours bash -c '
	kill -0 $PPID; echo $? $(cat /proc/$PPID/comm)')"
ours bash -c 'sleep 1000 & echo $! >mine; read -r _ <go
	kill $!; echo $? | tee mine; read -r _ <go; kill $!; echo $?' \
	>"$T/note/out" 2>"$T/note/err" &
run=$!
read -r both <"/proc/$world/root/srv/w/mine"
there bash -c "echo $((both - 1)) >/proc/sys/kernel/ns_last_pid
	sleep 1000 & echo >/srv/w/go; read -r _ </srv/w/mine
	kill -0 $both && kill \$!; wait; echo >/srv/w/go"
wait "$run"
check 'a number that both have' '1 0' "$(echo $(<"$T/note/out"))"
check 'is named' \
	"rsc: kill: process $both is there on both machines: EPERM; run rsc where it may make a pid namespace" \
	"$(grep '^rsc' "$T/note/err")"
check 'without a namespace, kill -1 is for the tree' '143
here' "$(
	sleep 1000 & here=$!
	ours bash -c 'sleep 99 & kill -TERM -1; wait $!; echo $?'
	kill $here && echo here)"
WRAP=()

ran openat readlinkat newfstatat kill tkill tgkill rt_sigqueueinfo \
	rt_tgsigqueueinfo getpriority sched_getscheduler sched_setscheduler \
	sched_setparam sched_getparam sched_setattr sched_getattr \
	sched_rr_get_interval rsc_world rsc_status \
	sched_setaffinity sched_getaffinity prlimit64 ioprio_get ioprio_set \
	pidfd_open pidfd_send_signal getpgid getsid setpriority
finish
