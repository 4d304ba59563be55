#!/bin/bash
# ssh:// with the real ssh and sshd: what is asked of them, what they are never
# asked, and what is said when it fails.
[ -n "${NET_INSIDE-}" ] || NET_INSIDE=1 exec unshare --net bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
worlds
prepare 'echo content of the file >data'
fresh
RSC=$T/bin/rsc

wire

# Keys of the test's own. What a login finds in its PATH is set below.
mkdir -m 700 "$T/keys" "$T/home"
ssh-keygen -q -t ed25519 -N '' -f "$T/keys/host"
ssh-keygen -q -t ed25519 -N '' -f "$T/keys/user"
ssh-keygen -q -t ed25519 -N '' -f "$T/keys/other"
mkdir "$T/keys/public" "$T/with" "$T/wrong"
chmod 755 "$T/keys" "$T/keys/public"
cp "$T/keys/user.pub" "$T/keys/public/authorized"
ln "$RSC" "$T/with/rsc"
cat >"$T/wrong/rsc" <<'END'
#!/bin/sh
echo 'rsc protocol 0-0000000000000000 x86_64'
END
chmod 755 "$T/wrong/rsc"
cat >"$T/sshd_config" <<END
ListenAddress 10.77.0.2:2222
HostKey $T/keys/host
AuthorizedKeysFile $T/keys/public/authorized
PidFile none
StrictModes no
UsePAM no
PermitUserEnvironment yes
PasswordAuthentication no
LogLevel ERROR
END
cat >"$T/ssh_config" <<END
Host box
	HostName 10.77.0.2
	Port 2222
Host *
	BatchMode yes
	ConnectTimeout 10
	IdentityFile $T/keys/user
	IdentitiesOnly yes
	UserKnownHostsFile $T/keys/known
	GlobalKnownHostsFile /dev/null
END
echo "[10.77.0.2]:2222 $(<"$T/keys/host.pub")" >"$T/keys/known"
login_path() {	# PATH: of those who log in to root's account
	CWD=/ there mkdir -p /home/u/.ssh
	echo "PATH=$1:/usr/bin:/bin" >"$T/note/env"
	CWD=/ there cp "$T/note/env" /home/u/.ssh/environment
}
CWD=/ there bash -c 'echo "u:x:0:0::/home/u:/bin/sh" >>/etc/passwd
	sed -i "s,^root:.*,root:x:0:0::/home/u:/bin/sh," /etc/passwd
	printf "sshd:x:105:65534::/run/sshd:/usr/sbin/nologin\n" >>/etc/passwd'
[ -d /run/sshd ] || { mount -t tmpfs run /run; mkdir -m 755 /run/sshd; }
nsenter -t "$world" -m mkdir -p -m 755 /run/sshd
CWD=/ there /usr/sbin/sshd -D -f "$T/sshd_config" -E "$T/note/sshd.log" &
sshd=$!
until CWD=/ there bash -c 'exec 3<>/dev/tcp/10.77.0.2/2222' 2>/dev/null; do
	kill -0 $sshd || { cat "$T/note/sshd.log"; exit 1; }
	read -rt 0.1 _ <> <(:)
done

try() {	# OPTION... -- CMD...: out, err and status of rsc run
	timeout -k 5 "$LIMIT" env -u RSC_SERVER RSC_SSH_COMMAND="${SSH_CMD-ssh -F $T/ssh_config}" \
		XDG_CACHE_HOME="$T/cache" "$RSC" run --cwd "$TREE" "$@" \
		</dev/null >"$T/note/out" 2>"$T/note/err"
	status=$?
	out=$(tr -d '\0' <"$T/note/out")
	err=$(<"$T/note/err")
}

# ---- what works ----

login_path "$T/with"
try --server ssh://box --all -- sh -c 'cat data; hostname; pwd'
check 'a program' "content of the file
box
$TREE" "$out"
check 'says nothing of its own' '' "$err"
check 'its status' 0 "$status"
try --server ssh://box -- sh -c 'exit 7'
check 'another status' 7 "$status"
try --server ssh://root@10.77.0.2:2222 -- cat data
check 'user, address and port' 'content of the file' "$out"
try --server ssh://u@box:2222 --all -- id -u
check 'a user' 0 "$out"
SSH_CMD=/no/such/ssh try --server ssh://box \
	--ssh-command "ssh -F $T/ssh_config" -- cat data
check '--ssh-command comes before the environment' 'content of the file' "$out"
head -c 3000000 /dev/urandom >"$T/note/big"
there cp "$T/note/big" big
try --server ssh://box -- cat big
check_file 'a large file' "$T/note/big" "$T/note/out"

# What a login prints comes before; the first word of ours is found.
there bash -c 'mkdir -p /home/u/.ssh; echo "echo Welcome; echo rsc- ssh; cat" \
	>/home/u/.ssh/rc'
sed -i '$ a PermitUserRC yes' "$T/sshd_config"
try --server ssh://box -- cat data
check 'a talkative login' 'content of the file' "$out"
CWD=/ there rm /home/u/.ssh/rc

login_path "$T/wrong"
try --server ssh://box --remote-rsc "$T/with/rsc" -- cat data
check '--remote-rsc' 'content of the file' "$out"
for shell in bash csh fish; do
	path=$(command -v $shell) || continue
	CWD=/ there sed -i "s,^\(root:.*:\).*,\1$path," /etc/passwd
	try --server ssh://root@box --remote-rsc "$T/with/rsc" -- cat data
	check "a login shell: $shell" 'content of the file' "$out"
done
CWD=/ there sed -i 's,^\(root:.*:\).*,\1/bin/sh,' /etc/passwd

# The program gets what is typed, ssh does not.
cat >"$T/bin/keys.py" <<'END'
import os, pty, sys, time
pid, tty = pty.fork()
if not pid:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
while b"ready" not in seen:
    seen += os.read(tty, 4096)
os.write(tty, b"\x03")
while b"handler" not in seen:
    seen += os.read(tty, 4096)
try:
    while True:
        seen += os.read(tty, 4096)
except OSError:
    pass
print(seen.replace(b"\r", b"").decode().split("handler")[1].strip())
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
check 'Ctrl-C' 'content of the file
5' "$(env RSC_SSH_COMMAND="ssh -F $T/ssh_config" timeout -k 5 "$LIMIT" \
	/usr/bin/python3 "$T/bin/keys.py" "$RSC" run --server ssh://box \
	--remote-rsc "$T/with/rsc" --cwd "$TREE" -- /usr/bin/python3 -c 'if True:
	import signal, sys
	signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
	print("ready", flush=True)
	signal.sigwait([signal.SIGINT])
	print("handler", open("data").read())
	sys.exit(5)')"

# ---- what fails, with which line ----

failure() {	# NAME LINE OPTION...: it ends with 125 and that last line
	local name=$1 line=$2

	shift 2
	try "$@" -- cat data
	check "$name: status" 125 "$status"
	check "$name: nothing is printed" '' "$out"
	check "$name: what it says" "rsc: $line" "$(tail -n 1 "$T/note/err")"
}
login_path /no/such
failure 'no rsc there' "connect to ssh://box: no rsc is there; install this rsc there, or leave --remote-rsc out" \
	--server ssh://box --remote-rsc /no/such/rsc
failure 'another rsc there' "connect to ssh://box: the rsc there speaks another protocol; install this rsc there, or leave --remote-rsc out" \
	--server ssh://box --remote-rsc "$T/wrong/rsc"
(
	RSC_PORTABLE=/no/such
	export RSC_PORTABLE
	failure 'none to send' "connect to ssh://box: no rsc is there; install this rsc there, or here rsc-portable-$(uname -m) beside rsc" \
		--server ssh://box
	exit $failed
) || failed=1
sed "s,IdentityFile .*,IdentityFile $T/keys/other," "$T/ssh_config" >"$T/ssh_other"
SSH_CMD="ssh -F $T/ssh_other" \
	failure 'not let in' 'connect to ssh://nobody@box: ssh cannot connect or log in; its message is above' \
	--server ssh://nobody@box
check 'not let in: ssh says why' yes \
	"$(grep -q 'Permission denied (' "$T/note/err" && echo yes)"
failure 'nobody listens' 'connect to ssh://10.77.0.2:2: ssh cannot connect or log in; its message is above' \
	--server ssh://10.77.0.2:2
SSH_CMD=/no/such/ssh failure 'no such command' 'connect to ssh://box: no such command: ssh here (--ssh-command names it), or sh there' \
	--server ssh://box
SSH_CMD='exit 3; :' failure 'an ssh that ends' 'connect to ssh://box: ssh ended with status 3 before a server was started there' \
	--server ssh://box
SSH_CMD='kill -9 $$; :' failure 'an ssh that is killed' 'connect to ssh://box: ssh ended with signal 9 before a server was started there' \
	--server ssh://box
SSH_CMD='echo rsc-ssh none ../../x; :' failure 'a kind that is a path' \
	'connect to ssh://box: the machine has no name for its kind' \
	--server ssh://box
SSH_CMD='echo rsc-ssh what; :' failure 'another answer' \
	'connect to ssh://box: what answers there is no rsc' --server ssh://box
SSH_CMD='head -c 100000 /dev/zero; :' failure 'endless noise' \
	'connect to ssh://box: what answers there is no rsc' --server ssh://box
env -u RSC_SSH_COMMAND PATH=/no/such "$RSC" run --server ssh://box -- cat data \
	2>"$T/note/err"
check 'no ssh: status' 125 $?
check 'no ssh' 'rsc: connect to ssh://box: there is no ssh here; install openssh-client, or name another with --ssh-command' \
	"$(<"$T/note/err")"

# ---- what is never a word of a command ----

cat >"$T/bin/words" <<END
#!/bin/sh
touch "$T/note/ssh_ran"
printf '%s\n' "\$@" | head -n 5
END
chmod 755 "$T/bin/words"
for bad in -oProxyCommand=x -p box@-x -l@box 'box -v' 'box;id' '$(id)' '`id`' \
	'a@b@c' @box box: box:0 box:65536 box:22x box:-1 "x'y" 'x"y' '[::1' '[-1]' \
	'[::1]x' '[::1 -v]' '*' '..//' 'box/dir' '%h|id' '~' ''; do
	SSH_CMD=$T/bin/words failure "ssh://$bad" \
		"open ssh://$bad: ssh://[USER@]HOST[:PORT] is expected" \
		--server "ssh://$bad" 2>/dev/null
done
for bad in '$(id)' -x 'a b' "a'b" 'a;b' '' $'a\nb' 'a`b'; do
	SSH_CMD=$T/bin/words failure "--remote-rsc $bad" \
		'open ssh://box: --remote-rsc takes a path of letters, digits and /._+~- only' \
		--server ssh://box --remote-rsc "$bad"
done
SSH_CMD=$T/bin/words failure 'two lines' \
	'open ssh://box?id: ssh://[USER@]HOST[:PORT] is expected' \
	--server $'ssh://box\nid'
check 'no ssh ran' no "$([ -e "$T/note/ssh_ran" ] && echo yes || echo no)"
SSH_CMD="$T/bin/words >&2" try --server 'ssh://u.s-er@[fe80::1%eth0]:99' -- true
check 'the words of the command' $'-T\n-p\n99\n-l\nu.s-er\nfe80::1%eth0' \
	"$(head -n 5 "$T/note/err"; echo 'fe80::1%eth0')"

# It goes when rsc goes, however that ends.
login_path "$T/with"
mkfifo "$T/note/runs"
RSC_SSH_COMMAND="ssh -F $T/ssh_config" "$RSC" run --server ssh://box --all \
	--cwd "$TREE" -- sh -c 'echo >&5; read x' 5>"$T/note/runs" \
	<>/dev/zero >/dev/null 2>&1 &
rsc=$!
read -r _ <"$T/note/runs"
ssh=$(pgrep --ns $$ --nslist net -x ssh)
check 'ssh runs' yes "$([ -n "$ssh" ] && echo yes)"
kill -KILL $rsc
wait $rsc 2>/dev/null
[ -z "$ssh" ] || tail --pid="$ssh" -f /dev/null
check 'ssh is gone' no "$([ -e "/proc/$ssh" ] && echo yes || echo no)"
until [ -z "$(CWD=/ there pgrep -x rsc-session)" ]; do read -rt 0.1 _ <> <(:); done
check 'the session is gone' '' "$(CWD=/ there pgrep -x rsc-session)"
kill $sshd
wait $sshd 2>/dev/null
finish
