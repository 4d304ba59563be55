"""Tests of systemd's libraries, as systemd-tests installs them."""
import os

from harness import FAIL, PASS, SKIP, Test

FOLDERS = ('/usr/lib/systemd/tests/unit-tests', '/usr/lib/systemd/tests')
NAMES = '''
acl-util af-list async barrier boot-timestamps bus-address bus-chat bus-creds
bus-error bus-marshal bus-objects bus-server bus-track bus-vtable
bus-watch-bind catalog chown-rec clock compress conf-files conf-parser copy
coredump-util daemon data-fd-util date devnum-util device-nodes dlopen-so
env-file env-util event exec-util execve fd-util fdset fileio format-util
fs-util glob-util hostname-util id128 import-util install-file io-util journal
journal-enum journal-flush journal-importer journal-init journal-interleaving
journal-match journal-send journal-stream journal-syslog journal-verify
libudev local-addresses locale-util log mkdir mmap-cache mountpoint-util
net-naming-scheme nss-hosts nss-users offline-passwd os-util path-lookup
path-util proc-cmdline process-util procfs-util random-util ratelimit
recurse-dir rlimit-util rm-rf sd-hwdb sd-path serialize sha256 sigbus
signal-util sizeof socket-netlink socket-util specifier stat-util
terminal-util time-util tmpfile-util uid-range uid-alloc-range umask-util
user-util utmp varlink watch-pid xattr-util calendarspec capability cap-list
cpu-set-util verbs util tables strv json hmac cryptolib condition bootspec
fstab-util fido-id-desc hashmap list sysctl-util sysusers.sh tmpfiles
sd-device device-util
'''.split()


def judge(status, output):
    if status == 77:
        return SKIP, ''
    return (PASS, '') if status == 0 else (FAIL, f'status {status}')


def tests(selected):
    found = []
    for name in NAMES:
        name = 'test-' + name
        files = [f'{folder}/{name}' for folder in FOLDERS]
        file = next(filter(os.path.exists, files), None)
        if file and selected(name):
            found.append(Test(name, [file], judge=judge,
                              env={'SYSTEMD_LOG_LEVEL': 'info'}))
    return found
