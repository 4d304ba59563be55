"""The tests that libglib2.0-tests installs."""
import glob
import os
import re

from harness import FAIL, PASS, SKIP, TMP, Test

FOLDER = '/usr/libexec/installed-tests/glib'

# They compute only, want a desktop, or do not pass twice natively.
NOT = re.compile(r'''(
    cxx | slice | gdatetime | performance | .*-refcount | regex | unicode |
    strfuncs | testing | debugcontroller | .*portal.* | .*-monitor.* |
    live-g-file | dbus-appinfo | gdbus-.*-slow | mem-overflow |
    memory-settings | utf8 | cert-tests | collate | markup | casefold |
    codegen | mkenums | genmarshal | .*\.py$ | 1bit-mutex$ |
    io-channel-basic$ | thread-deprecated$ | thread-pool-slow$ | timeout$
    )''', re.X)


def judge(status, output):
    lines = output.splitlines()
    passed = sum(line.startswith('ok ') for line in lines)
    failed = sum(line.startswith('not ok') and '# TODO' not in line
                 for line in lines)
    if status == 77:
        return SKIP, ''
    if status or failed:
        return FAIL, f'status {status}, {passed} passed, {failed} failed'
    return (PASS if passed or '1..' in output else SKIP), ''


def tests(selected):
    found = []
    for file in sorted(glob.glob('/usr/share/installed-tests/glib/*.test')):
        name = os.path.basename(file)[:-len('.test')]
        if NOT.match(name) or not selected(name):
            continue
        with open(file) as f:
            argv = re.search(r'^Exec=(.*)', f.read(), re.M)[1].split()
        found.append(Test(name, argv, limit=60, judge=judge, env={
            'G_TEST_SRCDIR': FOLDER, 'G_TEST_BUILDDIR': FOLDER,
            'XDG_RUNTIME_DIR': TMP}))
    return found
