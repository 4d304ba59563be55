"""stress-ng's stressors, each for a fixed number of rounds that it verifies."""
from harness import FAIL, PASS, SKIP, Test

# Left out is what needs hardware, loads the machine, or only computes.
ROUNDS = '''
access:500 affinity:50 aio:200 aiol:100 alarm:20 bad-altstack:20 brk:50
chattr:50 chdir:200 chmod:200 chown:200 clock:500 clone:20 close:500
context:100 copy-file:50 cyclic:50 daemon:10 dentry:500 dev-shm:5 dir:200
dirdeep:20 dirmany:200 dnotify:50 dup:200 epoll:200 eventfd:500 exec:20
exit-group:20 fallocate:20 fault:100 fcntl:200 fiemap:100 fifo:500
file-ioctl:100 filename:50 flock:200 fork:50 fp-error:50 fsize:20 fstat:200
full:100 futex:500 get:100 getdent:50 getrandom:200 handle:100 hdd:20
hrtimers:500 inode-flags:50 inotify:20 io:20 io-uring:50 iomix:100 itimer:100
kcmp:100 key:5 kill:500 lease:50 link:20 locka:200 lockf:200 lockofd:200
madvise:5 membarrier:20 memfd:5 mincore:100 mknod:50 mlock:20 mmap:3
mmapaddr:20 mmapfixed:20 mmapmany:2 mprotect:20 mq:500 mremap:5 msg:500
msync:20 msyncmany:5 munmap:3 nanosleep:50 null:500 open:200 personality:100
pidfd:50 pipe:2000 pipeherd:500 pkey:20 poll:200 prctl:20 procfs:10 pthread:50
pty:5 remap:5 rename:500 ring-pipe:500 rlimit:20 seal:50 seek:200 sem:500
sem-sysv:500 sendfile:50 session:20 set:50 shm:5 shm-sysv:5 sigabrt:20
sigchld:50 sigfd:200 sigfpe:50 sigio:100 signal:200 signest:50 sigpending:200
sigpipe:50 sigq:200 sigrt:100 sigsegv:100 sigsuspend:100 sigtrap:50 sleep:50
sock:50 sockabuse:50 sockdiag:20 sockfd:200 sockmany:50 sockpair:200 spawn:20
splice:500 stack:2 stackmmap:2 switch:200 symlink:20 sync-file:20 syncload:20
sysbadaddr:50 sysinfo:50 tee:100 timer:100 timerfd:100 touch:100 udp:200
udp-flood:200 urandom:50 usersyscall:50 utime:200 vdso:500 vfork:50
vforkmany:20 vm-splice:500 wait:50 waitcpu:100 xattr:20 yield:200 zero:200
zombie:50
'''.split()


def judge(status, output):
    if status == 0 and 'skipped' not in output \
            and 'unrecognized' not in output:
        return PASS, ''
    # 4: the kernel has not what it needs.
    return (SKIP if status in (0, 4) else FAIL), f'status {status}'


def tests(selected):
    found = []
    for name, rounds in (word.split(':') for word in ROUNDS):
        if selected(name):
            found.append(Test(name, [
                'stress-ng', f'--{name}', '1', f'--{name}-ops', rounds,
                '--verify', '-t', '4', '--temp-path', '.', '--no-rand-seed'],
                limit=40, judge=judge))
    return found
