#!/usr/bin/python3
"""Runs the tests of one suite, one after the other, and writes their results.

usage: runner.py [OPTION]... SUITE [PREFIX]...
  --only FILE     names and patterns, one for each line; others are not run
  --slow N        limits and pauses N times as long
  --keep-logs     keep the output of what passes, too

Every program is started with the words of PREFIX before it, without input, its
output in a file, in a session of its own; what it leaves running is killed.
The file "results" in /mnt/results gets a line for each test: name, result,
seconds, reason, with tabs between them; the folder "logs" there holds the
output of what did not pass.

With SERVER_WORLD (worlds.sh) the files of the tests live there, and a test that
leaves one here fails.
"""
import argparse
import ctypes
import fcntl
import fnmatch
import importlib
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import harness
from harness import FAIL, PASS, SKIP

PR_SET_CHILD_SUBREAPER = 36
MAX_OUTPUT = 48 << 20
MAX_LOG = 1 << 20
MAX_RUNS = 9
# Where a program that ran here by mistake would leave its files.
CHANGED = '/mnt/changed'
WATCHED = harness.FOLDERS + ('/tmp', '/dev/mqueue', CHANGED)
# The programs that rsc keeps for the next run.
KEPT = CHANGED + '/root/upper/.cache'

server = os.environ.get('SERVER_WORLD')


# ---- processes ----

def there(script, **options):
    """Runs a script of the shell in the world where the tests' files are."""
    prefix = f'nsenter -t {server} -m -u -i -n -p --'.split() if server else []
    return subprocess.run(prefix + ['sh', '-c', script],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


def bury_children():
    """Kills what a test left; orphans become children of this process."""
    me = os.getpid()
    while True:
        with open(f'/proc/{me}/task/{me}/children') as f:
            for pid in f.read().split():
                os.kill(int(pid), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def prepare_child():
    os.umask(0o022)
    for number in ('INT', 'QUIT', 'HUP', 'TSTP', 'TTIN', 'TTOU', 'PIPE',
                   'XFSZ'):
        signal.signal(getattr(signal, 'SIG' + number), signal.SIG_DFL)


def environment(test):
    env = {
        'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'HOME': harness.HOME, 'TMPDIR': harness.TMP, 'LANG': 'C.UTF-8',
        'LC_ALL': 'C.UTF-8', 'TZ': 'UTC0', 'TERM': 'xterm',
        'SHELL': '/bin/bash', 'USER': 'root', 'LOGNAME': 'root',
    }
    return {**env, **test.env}


# ---- one run of a program ----

class Run:
    """Runs the program of a test: its status, output, reason and seconds."""

    def __init__(self, test, prefix, slow, log):
        self.test = test
        self.argv = prefix + test.argv
        self.slow = slow
        self.reason = ''
        self.options = {'cwd': harness.WORK, 'env': environment(test)}
        start = time.monotonic()
        self.end = start + test.limit * slow
        with open(log, 'wb') as self.log:
            try:
                if test.keys is None:
                    self.status = self.run()
                else:
                    self.status = self.run_terminal()
            except subprocess.TimeoutExpired:
                self.status = None
                self.reason = 'time is up'
            except OSError as e:
                # No program, or no terminal left.
                self.status = None
                self.reason = str(e)
            bury_children()
        self.seconds = time.monotonic() - start
        with open(log, 'rb') as f:
            self.output = f.read(MAX_OUTPUT).decode('utf-8', 'replace')

    def left(self):
        return max(0, self.end - time.monotonic())

    def run(self):
        child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL,
                                 stdout=self.log, stderr=subprocess.STDOUT,
                                 start_new_session=True,
                                 preexec_fn=prepare_child, **self.options)
        if self.test.during:
            self.meanwhile(child, *self.test.during)
        return child.wait(self.left())

    def meanwhile(self, child, pause, command):
        try:
            child.wait(pause * self.slow)
        except subprocess.TimeoutExpired:
            pass
        answer = there(command, timeout=self.left(), **self.options)
        self.log.seek(0, 2)
        self.log.write(b'\n@@DURING rc=%d\n%s\n@@END\n'
                       % (answer.returncode, answer.stdout))
        self.log.flush()
        if child.poll() is None:
            child.terminate()

    def run_terminal(self):
        def prepare():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            prepare_child()

        keyboard, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ,
                    struct.pack('HHHH', 24, 80, 0, 0))
        child = subprocess.Popen(self.argv, stdin=terminal, stdout=terminal,
                                 stderr=terminal, preexec_fn=prepare,
                                 **self.options)
        os.close(terminal)
        try:
            self.type(keyboard)
            return child.wait(self.left())
        finally:
            os.close(keyboard)

    def type(self, keyboard):
        """Types and shows until the last one has closed the terminal."""
        keys = list(self.test.keys)
        due = time.monotonic()
        if keys:
            due += keys[0][0] * self.slow
        while self.left():
            pause = min(self.left(),
                        max(0, due - time.monotonic()) if keys else 60)
            if select.select([keyboard], [], [], pause)[0]:
                try:
                    data = os.read(keyboard, 65536)
                except OSError:
                    return
                self.log.write(data)
                self.log.flush()
            if keys and time.monotonic() >= due:
                os.write(keyboard, keys.pop(0)[1].encode())
                if keys:
                    due = time.monotonic() + keys[0][0] * self.slow


# ---- a suite ----

class Runner:
    def __init__(self, arguments):
        self.slow = arguments.slow
        self.prefix = arguments.prefix
        self.keep = arguments.keep_logs
        self.logs = harness.RESULTS + '/logs'
        self.out = open(harness.RESULTS + '/results', 'w', buffering=1)
        self.count = dict.fromkeys((PASS, FAIL, SKIP), 0)
        self.known = self.files_here()
        shutil.rmtree(self.logs, ignore_errors=True)
        os.makedirs(self.logs)

    def files_here(self):
        found = set()
        for folder in WATCHED if server else ():
            for path, folders, files in os.walk(folder):
                names = {os.path.join(path, f) for f in folders + files}
                found |= names - {KEPT}
                folders[:] = [f for f in folders
                              if os.path.join(path, f) != KEPT]
        return found

    def leak(self):
        """A name of what appeared here since the last time, if any did."""
        new = sorted(self.files_here() - self.known)
        for name in new:
            # Behind its overlay's back nothing may go.
            if name.startswith(CHANGED):
                self.known.add(name)
            elif os.path.isdir(name) and not os.path.islink(name):
                shutil.rmtree(name, ignore_errors=True)
            elif os.path.lexists(name):
                os.unlink(name)
        return new[0] if new else None

    def fresh(self):
        there('umask 0; set -e\n' + ''.join(
            f'[ ! -e {d} ] || chattr -fR -i -a {d} || :; rm -rf {d}; mkdir {d}\n'
            for d in harness.FOLDERS) + f'chmod 755 {harness.HOME}; '
            f'chmod 1777 {harness.SCRATCH} {harness.TMP}')
        for folder in harness.FOLDERS:
            os.makedirs(folder, exist_ok=True)

    def once(self, test, log):
        """One run of the program: {name: (result, reason)} and the run."""
        self.fresh()
        if test.before:
            there(test.before)
        run = Run(test, self.prefix, self.slow, log)
        results = test.results(run.status, run.output)
        if run.reason:
            # What was told before the end of the time holds, if there is
            # more than one to tell.
            results = {} if list(results) == [test.name] else results
        if test.after and results.get(test.name, (FAIL,))[0] == PASS:
            answer = there(test.after)
            if answer.returncode:
                results[test.name] = (FAIL, f'afterwards: {test.after}')
        leak = self.leak()
        if leak:
            results = {name: (FAIL, f'left {leak} here') for name in results}
        return results, run

    def run(self, test):
        log = os.path.join(self.logs,
                           re.sub(r'[^\w.+-]', '_', test.name) + '.log')
        results, run = self.once(test, log)
        seconds = run.seconds
        reason = run.reason or 'did not run'
        for n in range(1, MAX_RUNS):
            rest = test.rest(results)
            if rest is None:
                break
            more, run = self.once(rest, f'{log[:-4]}.{n}.log')
            seconds += run.seconds
            if not set(more) - set(results):
                break
            results = {**more, **results}
        for name in test.names():
            self.tell(name, *results.get(name, (FAIL, reason)),
                      seconds / len(test.names()))
        passed = all(results.get(n, (FAIL,))[0] != FAIL for n in test.names())
        self.tidy(log, passed and not self.keep)

    def tell(self, name, result, reason, seconds):
        self.count[result] += 1
        reason = re.sub(r'\s+', ' ', reason)[:200]
        print(name, result, f'{seconds:.2f}', reason, sep='\t', file=self.out)

    def tidy(self, log, passed):
        for name in os.listdir(self.logs):
            path = os.path.join(self.logs, name)
            if not path.startswith(log[:-3]):
                continue
            if passed:
                os.unlink(path)
            elif os.path.getsize(path) > MAX_LOG:
                os.truncate(path, MAX_LOG)


class Selection:
    """Tells whether the name of a test is asked for."""

    def __init__(self, file):
        self.words = {'*'}
        if file:
            with open(file) as f:
                self.words = {line.strip() for line in f}
        self.patterns = [w for w in self.words if re.search(r'[*?[]', w)]

    def __call__(self, name):
        return name in self.words or any(
            fnmatch.fnmatchcase(name, p) for p in self.patterns)

    def within(self, start):
        """Whether a name that begins so can be asked for."""
        for word in self.words:
            plain = re.split(r'[*?[]', word)[0]
            if word.startswith(start) or (plain != word
                                          and start.startswith(plain)):
                return True
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--only')
    parser.add_argument('--slow', type=float, default=1)
    parser.add_argument('--keep-logs', action='store_true')
    parser.add_argument('suite')
    parser.add_argument('prefix', nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if 'WORLD' not in os.environ:
        sys.exit('runner: some of these tests damage the machine that they '
                 'run on; worlds.sh is to start it')
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit('runner: cannot be the parent of orphans')
    suite = importlib.import_module('suites.' + arguments.suite)
    tests = suite.tests(Selection(arguments.only))
    runner = Runner(arguments)
    start = time.monotonic()
    for test in tests:
        runner.run(test)
    count = ', '.join(f'{n} {result}' for result, n in runner.count.items())
    print(f'{arguments.suite}: {count}, {time.monotonic() - start:.0f} s'
          f' ({" ".join(runner.prefix[:2]) or "natively"})', flush=True)


main()
