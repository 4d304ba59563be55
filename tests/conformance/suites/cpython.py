"""CPython's own tests of what meets the system; a process for each class."""
import re
import subprocess

from harness import FAIL, HERE, PYTHON, SKIP, Test

MODULES = '''
asynchat asyncio asyncore atexit bufio bz2 c_locale_coercion cmd_line
cmd_line_script compileall concurrent_futures dbm dbm_dumb dbm_gnu dbm_ndbm
eintr epoll faulthandler fcntl file file_eintr filecmp fileinput fileio fork1
ftplib genericpath getpass glob grp gzip httplib httpservers imaplib
import io ioctl largefile linecache logging lzma mailbox mmap
multiprocessing_fork netrc openpty os pathlib pipes pkgutil platform poll
poplib popen posix posixpath pty pwd py_compile queue resource script_helper
select selectors shelve shutil signal site smtplib socket socketserver spwd
sqlite3 ssl stat subprocess support syslog tarfile telnetlib tempfile thread
threadedtempfile threading threadsignals time timeout unicode_file
unicode_file_functions univnewlines urllib2_localnet utf8_mode uuid venv wait3
wait4 wsgiref xmlrpc zipapp zipfile zipimport
'''.split()

# asyncio on top of its loop makes no calls of its own.
NOT = re.compile(r'test_asyncio\.test_(futures|futures2|tasks|locks|queues|'
                 r'pep492|proactor_events|windows_\w+|context|protocols|'
                 r'taskgroups|timeouts|transports|waitfor|sslproto)\.')
ONE_CLASS = f'{HERE}/suites/cpython_class.py'


def short(name):
    return name[len('test.'):] if name.startswith('test.') else name


def listed(modules):
    """{(module, class): [test]}"""
    env = {'PATH': '/usr/bin:/bin', 'LANG': 'C.UTF-8'}
    found = {}
    seen = set()		# some modules import the same class
    for module in modules:
        words = [PYTHON, ONE_CLASS, '--list', f'test.test_{module}']
        answer = subprocess.run(words, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, env=env)
        for line in answer.stdout.splitlines():
            words = line.split()
            if len(words) == 4 and words[0] == '@@CASE' \
                    and not NOT.search(words[3]) and words[3] not in seen:
                seen.add(words[3])
                found.setdefault((words[1], words[2]), []).append(words[3])
    return found


class ClassTest(Test):
    """The tests of one class that are asked for."""

    def __init__(self, module, name, skip, cases):
        super().__init__(name, [PYTHON, ONE_CLASS, '--skip', ','.join(skip),
                                module, name], limit=min(200, 40 + len(cases)))
        self.module = module
        self.skip = skip
        self.cases = cases

    def names(self):
        return [short(case) for case in self.cases]

    def results(self, status, output):
        results = {}
        current = None
        for line in output.splitlines():
            if line.startswith('@@START '):
                current = short(line.split()[1])
            elif line.startswith('@@END '):
                _, case, result = line.split()
                results[short(case)] = result, ''
                current = None
            elif line.startswith('@@SKIPPED'):
                results.update({n: (SKIP, line) for n in self.names()
                                if n not in results})
        if current:
            results[current] = FAIL, 'the process died or hung in it'
        return results

    def rest(self, results):
        done = [case for case in self.cases if short(case) in results]
        if not done or len(done) == len(self.cases):
            return None
        return ClassTest(self.module, self.name, self.skip + done,
                         [case for case in self.cases if case not in done])


def tests(selected):
    found = []
    # To import all of them takes long.
    modules = [m for m in MODULES if selected.within(f'test_{m}.')]
    for (module, name), cases in listed(modules).items():
        asked = [case for case in cases if selected(short(case))]
        skip = [case for case in cases if not selected(short(case))]
        if asked:
            found.append(ClassTest(module, name, skip, asked))
    return found

