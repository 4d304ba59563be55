#!/bin/bash
# What poll, select and epoll say of objects of the server is what they say
# there, after each step of an object's life.
. "$(dirname "$0")/lib.sh"
build ready_probe
build ready_sets
cp ready_tty.py ready_flood.py "$T/bin/"
worlds
serve main
prepare 'echo x >x'
fresh
CWD=/ there ip link set lo up

export E2E_LINES=${E2E_LINES-20}
same "$T/bin/ready_probe" poll fifo
same "$T/bin/ready_probe" epoll fifo
same "$T/bin/ready_sets"

tty() {	# poll|epoll: the terminal is that of a process there
	local mode helper

	for mode in native ''  --all; do
		there bash -c 'rm -f asked done; mkfifo asked done'
		there /usr/bin/python3 "$T/bin/ready_tty.py" &
		helper=$!
		OPTS=(${mode:+"$mode"} --remote '/dev/pts/**')
		if [ "$mode" = native ]; then
			there "$T/bin/ready_probe" "$1" tty >"$T/note/want.out"
		else
			ours "$T/bin/ready_probe" "$1" tty >"$T/note/got.out"
			check_file "a terminal, $1 $mode" "$T/note/want.out" \
				"$T/note/got.out"
		fi
		there bash -c 'printf E >asked'
		wait $helper
	done
}
tty poll
tty epoll

MODES=(--all)
same "$T/bin/ready_probe" poll
same "$T/bin/ready_probe" epoll

# News of /proc/mounts are for who looks first, and that is the program.
mkfifo "$T/note/go"
OPTS=(--local "$T/note/**")
for way in poll epoll; do
	ours /usr/bin/python3 -c 'if True:
		import os, select, sys
		fd = os.open("/proc/1/mounts", os.O_RDONLY)
		p = getattr(select, sys.argv[1])()
		p.register(fd, select.POLLPRI | select.POLLERR)
		seen = [len(p.poll(0))]
		open(sys.argv[2], "w").close()
		seen.append(len(p.poll()))
		os.read(fd, 1 << 16)
		print(*seen, len(p.poll(0)))' "$way" "$T/note/go" \
		>"$T/note/news.out" &
	read -r _ <"$T/note/go"
	CWD=/ there mount -t tmpfs news /srv
	wait $!
	check "news, $way" '0 1 0' "$(<"$T/note/news.out")"
	CWD=/ there umount /srv
done

# When the server is gone, who waits for it is told.
mkfifo "$T/note/cut"
cat >"$T/bin/serve_cut" <<END
#!/bin/bash
exec 3<&0
"$T/bin/rsc" serve --stdio <&3 &
read -r _ <"$T/note/cut"
kill \$!
END
chmod +x "$T/bin/serve_cut"
for way in poll epoll; do
	rm -rf "$T/lost"
	mkdir "$T/lost"
	check "$way when the server goes" 'waits 5 5' "$(timeout 20 "$T/bin/rsc" \
		run --all --cwd "$T/lost" --local "$T/note/**" --server \
		"exec:$T/bin/serve_cut" -- /usr/bin/python3 -c 'if True:
		import os, select, sys
		os.mkfifo("fifo")
		fd = os.open("fifo", os.O_RDWR | os.O_NONBLOCK)
		late = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
		print("waits", end=" ", flush=True)
		def wait(fd, cut):
			p = getattr(select, sys.argv[1])()
			p.register(fd, 1)
			if cut and not p.poll(0):
				open(sys.argv[2], "w").close()
			p.poll()
			try:
				os.read(fd, 1)
			except OSError as e:
				print(e.errno, end=" " if cut else "")
		wait(fd, True)
		wait(late, False)' "$way" "$T/note/cut" 2>/dev/null)"
done

# A hostile server makes the program see what is not there, and no more.
for way in poll epoll; do
	for kind in fifo datagrams udp inotify; do
		rm -rf "$T/flood"
		mkdir "$T/flood"
		timeout -k 5 30 env -i PATH="$PATH" "$T/bin/rsc" run --all --cwd \
			"$T/flood" --server "exec:/usr/bin/python3 \
			$T/bin/ready_flood.py $T/bin/rsc" \
			-- "$T/bin/ready_probe" "$way" "$kind" \
			>"$T/note/flood.out" 2>"$T/note/flood.err" </dev/null
		status=$?
		check "flooded: $way $kind" yes \
			"$([ $status -lt 2 ] && echo yes ||
				echo "$status after $(tail -n 1 "$T/note/flood.out")")"
		check "flooded: no words of rsc, $way $kind" '' \
			"$(<"$T/note/flood.err")"
	done
done
ran rsc_watch read write socket connect accept4
finish
