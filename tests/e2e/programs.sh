#!/bin/bash
# Whole programs under --all: they build, compute, keep histories and start
# each other as in the server's world.
. "$(dirname "$0")/lib.sh"
build_go workers
worlds
serve main
MODES=(--all)
prepare '
	mkdir project; cd project
	cat >Makefile <<"END"
CFLAGS = -O1 -Wall -Wextra -MMD
objects = main.o sum.o text.o
program: $(objects)
	$(CC) -o $@ $^
check: program
	./program 3 4 | diff expected -
	@echo "$(shell cat name) passed"
clean:
	$(RM) program *.o *.d
-include $(objects:.o=.d)
END
	echo "int sum(int a, int b); const char *text(int n);" >parts.h
	printf "%s\n" "#include \"parts.h\"" "#include <stdio.h>" \
		"#include <stdlib.h>" "int main(int argc, char **argv) {" \
		"(void)argc; puts(text(sum(atoi(argv[1]), atoi(argv[2]))));" \
		"return 0; }" >main.c
	printf "%s\n" "#include \"parts.h\"" \
		"int sum(int a, int b) { return a + b; }" >sum.c
	printf "%s\n" "#include \"parts.h\"" "#include <stdio.h>" \
		"const char *text(int n) { static char s[9];" \
		"snprintf(s, sizeof(s), \"%x\", n); return s; }" >text.c
	echo 7 >expected; echo there >name
'

# ---- make, gcc ----

CWD=$TREE/project
same make -j4 check
same bash -c 'make -s program && touch -d @1700000000 program *.o *.d &&
	touch sum.c && make -n | grep -v "^$" && make clean && ls'
WANT=2 same bash -c 'echo "int x = ;" >>sum.c; make -k 2>&1 | grep -c error
	make -s 2>/dev/null'
same bash -c 'gcc -static -O2 -o small -x c - <<<"int main(void) { return 0; }"
	./small; echo $?; size small | wc -l; nm small | grep -c " main$"; rm small'
unset CWD

# ---- git ----

cat >"$T/bin/history" <<'END'
set -e
export GIT_AUTHOR_DATE='@1600000000 +0000' GIT_COMMITTER_DATE='@1600000000 +0000'
export GIT_AUTHOR_NAME=a GIT_COMMITTER_NAME=a GIT_AUTHOR_EMAIL=a@box
export GIT_COMMITTER_EMAIL=a@box HOME=/tmp/git GIT_CONFIG_NOSYSTEM=1
rm -rf $HOME; mkdir $HOME
git config --global init.defaultBranch main
cd project
git init -q
git add .
git commit -qm first
for i in 1 2 3 4 5 6 7 8; do
	seq $((i * 300)) >numbers
	git add numbers
	git commit -qm "change $i"
done
git checkout -qb side HEAD~3
echo side >side
git add side
git commit -qm side
git checkout -q main
git merge -q -m merged side
git mv numbers counts
git commit -qam renamed
git log --oneline --stat --graph | cat
git gc -q
git fsck --full
git count-objects -v | grep -v size
git clone -q . ../copy
git -C ../copy rev-parse HEAD
git -C ../copy repack -adq
echo more >>../copy/counts
git -C ../copy commit -qam pushed
git -C ../copy push -q origin HEAD:other
git diff --stat main other
git rebase -q other 2>&1
git stash list
git bisect start HEAD HEAD~5 2>&1 | head -n 1
git bisect run sh -c 'test ! -e counts' 2>&1 | tail -n 1
git bisect reset 2>/dev/null
git grep -c 300 -- counts
git archive HEAD | tar t
git status --short
# Their indices name inodes.
rm -rf .git ../copy $HOME
END
same bash "$T/bin/history"

# ---- languages ----

same dash -c '
	trap "echo trapped" TERM; kill -TERM $$
	f() { local x=$1; echo "f $x"; return 3; }; f a || echo $?
	for i in 1 2 3; do echo $i; done | while read -r n; do echo "<$n>"; done
	cat <<-END | sort -r
		b
		a
	END
	(exit 7) & wait $!; echo $?
	exec 3>made; echo x >&3; exec 3>&-; cat made; . ./project/name 2>/dev/null
	ulimit -n; umask; set -- x y; shift; echo "$@"; test -t 0 || echo no tty'
same perl -we '
	use strict; use File::Find; use IPC::Open3; use Socket; $| = 1;
	pipe(my $r, my $w); my $pid = fork;
	if (!$pid) { close $r; print $w "from the child\n"; exit 5 }
	close $w; print <$r>; waitpid $pid, 0; print $? >> 8, "\n";
	print `cat project/name`, sort { $a cmp $b } map { "$_\n" } glob "project/*.c";
	find({ wanted => sub { print "$File::Find::name\n" if /^[mn]/ },
		preprocess => sub { sort @_ } }, "project");
	local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1;
	eval { select undef, undef, undef, 30 }; print $@;
	$pid = open3(my $in, my $out, undef, "tr", "a-z", "A-Z");
	print $in "loud\n"; close $in; print <$out>; waitpid $pid, 0;
	socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die;
	syswrite $a, "pair"; sysread $b, my $got, 9; print "$got\n";
	open my $f, "+>", "lines" or die; flock $f, 2; print $f "line $_\n" for 1..9;
	seek $f, 0, 0; print scalar(my @l = <$f>), "\n"; truncate $f, 14; close $f;
	print -s "lines", " ", (stat "lines")[2], "\n"; rename "lines", "kept";
	exec "sh", "-c", "echo \$0 \$1", "last", "word"'
same python3 -c '
import concurrent.futures, os, queue, subprocess, sys, tempfile, threading
run = lambda *a, **k: subprocess.run(a, capture_output=True, text=True, **k)
print(run("cat", "project/name").stdout, run("sh", "-c", "exit 9").returncode)
print(run("sort", input="b\na\n").stdout.split())
print(run("sh", "-c", "kill -9 $$").returncode)
try:
	run("sleep", "99", timeout=.2)
except subprocess.TimeoutExpired as e:
	print("expired", e.cmd)
try:
	run("nothing-of-this-name")
except FileNotFoundError as e:
	print(e)
a = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
b = subprocess.Popen(["wc", "-c"], stdin=a.stdout, stdout=subprocess.PIPE)
a.stdout.close(); a.stdin.write(b"x" * 300000); a.stdin.close()
print(b.communicate()[0], a.wait(), b.returncode)
print(run("pwd", cwd="project").stdout, run("env", env={"A": "b"}).stdout)
r, w = os.pipe()
print(run("sh", "-c", f"echo kept >&{w}", pass_fds=[w]).returncode,
	os.read(r, 99))
q = queue.Queue(); names = sorted(os.listdir("project"))
def work():
	while (name := q.get()) is not None:
		with open("project/" + name) as f, open(name + ".up", "w") as g:
			g.write(f.read().upper())
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]; [q.put(n) for n in names]
[q.put(None) for t in threads]; [t.join() for t in threads]
with concurrent.futures.ProcessPoolExecutor(3) as pool:
	print(list(pool.map(len, names)))
with tempfile.TemporaryDirectory() as d:
	print(os.path.dirname(d), len(os.listdir(d)))
print(sorted(n for n in os.listdir(".") if n.endswith(".up")))'
# Goroutines on more threads than CPUs, preempted by SIGURG all the time.
same "$T/bin/workers" project
same bash -c '"$T/bin/workers" project >one & "$T/bin/workers" project >two
	wait $!; echo $?; cat one two'

# ---- many of them, in a script ----

same bash -c '
	set -o pipefail; shopt -s lastpipe
	find project -type f -print0 | sort -z | xargs -0 -P 4 -n 2 sha256sum |
		sort | tee sums | wc -l
	sha256sum -c --quiet sums && echo whole
	tar c project | gzip -n | (mkdir out && gzip -d | tar x -C out)
	diff -r project out/project && echo equal
	for i in {1..30}; do (echo $i >job.$i) & done; wait; cat job.* | sort -n |
		md5sum
	coproc up { tr a-z A-Z; }; echo loud >&${up[1]}; exec {up[1]}>&-
	read -r got <&${up[0]}; echo $got
	mapfile -t lines < <(seq 5); echo ${#lines[@]}; exec 5<>shared
	echo one >&5; (echo two >&5); cat shared; rm -r out job.*
	timeout .2 sleep 30; echo $?; { (ulimit -f 1; yes >big); } 2>no; echo $?
	grep -c "size limit" no; rm no
	echo "scale=5; 22/7" | awk "{ print 22 / 7 }"; seq 3 | paste -sd+ | sed s/+/-/'
finish
