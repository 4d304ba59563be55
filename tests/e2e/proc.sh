#!/bin/bash
# /proc of the program's own processes; descriptors by name.
. "$(dirname "$0")/lib.sh"
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
	'echo x | tee >(cat >made) >/dev/null; wait; sleep 0.1; cat made' \
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
	'cat /proc/net/dev | cmp - /proc/self/net/dev; echo $?'; do
	same bash -c "$cmd"
done

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
ran openat readlinkat newfstatat
finish
