#!/usr/bin/python3
"""Compares the results of suites natively and under rsc, test by test.

usage: report.py again FOLDER SUITE     the names that are to run once more
       report.py compare FOLDER [--floor FILE] [--write] SUITE...

FOLDER/SUITE.native/results and FOLDER/SUITE.rsc/results are compared, and where
there is a SUITE.native.again and a SUITE.rsc.again, what these say holds: they
ran alone. Only what passes natively counts; under rsc it has to pass as well, a
skip is a difference. The file "differences" lists those that are known. Status
1: there are others, or fewer tests passed natively than the file FLOOR wants.
--write makes result.txt anew.
"""
import argparse
import collections
import datetime
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PASS = 'PASS'
PACKAGES = {'cpython': 'libpython3.11-testsuite', 'fio': 'fio',
            'glib': 'libglib2.0-tests', 'stressng': 'stress-ng',
            'systemd': 'systemd-tests'}


def rows(file):
    with open(os.path.join(HERE, file)) as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                yield line.split(None, 2)


def results(folder, run):
    """{test: (result, reason)}; none when there was no such run."""
    found = {}
    try:
        with open(f'{folder}/{run}/results') as f:
            for line in f:
                name, result, _, reason = line.rstrip('\n').split('\t')
                found[name] = result, reason
    except FileNotFoundError:
        if not run.endswith('.again'):
            raise
    return found


class Suite:
    def __init__(self, folder, name):
        self.name = name
        self.known = {test: reason.strip() for suite, test, reason
                      in rows('differences') if suite == name}
        first = results(folder, name + '.native')
        again = results(folder, name + '.native.again')
        ours = results(folder, name + '.rsc')
        ours_again = results(folder, name + '.rsc.again')
        self.total = [test for test, (result, _) in first.items()
                      if result == PASS and again.get(test, 'P')[0][0] == 'P']
        self.unstable = sum(r[0] != PASS for r in again.values())
        last = {**ours, **ours_again}
        self.different = {
            test: last.get(test, ('missing', ''))
            for test in self.total if last.get(test, ' ')[0] != PASS}
        self.second = [test for test in ours_again
                       if test in self.total and test not in self.different]
        self.new = {test: why for test, why in self.different.items()
                    if test not in self.known}
        self.stale = [test for test in self.known
                      if test in self.total and test not in self.different]

    def count(self, tests=None):
        """'SAME of TOTAL PERCENT'"""
        tests = self.total if tests is None else tests
        same = sum(test not in self.different for test in tests)
        # Never 100 % when it is not.
        percent = int(1000 * same / max(1, len(tests))) / 10
        return f'{same:6d} of {len(tests):5d}  {percent:5.1f} %'

    def modules(self):
        found = collections.defaultdict(list)
        for test in self.total:
            found[test.split('.')[0]].append(test)
        return sorted(found.items())

    def report(self):
        print(f'{self.name:9} {self.count()}')
        for test in self.stale:
            print(f'  {test} is no difference any more: '
                  'take it off the list')
        if self.unstable:
            print(f'  {self.unstable} do not pass natively when run again, '
                  'and do not count')
        for test in self.second:
            print(f'  {test} passed when run again, alone')
        for test, (result, reason) in self.new.items():
            print(f'  NEW {test} {result} {reason}')


def version(suite):
    package = PACKAGES.get(suite)
    if package is None:
        return ''
    answer = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package],
                            stdout=subprocess.PIPE, text=True)
    return f'  ({package} {answer.stdout})'


def write(suites):
    with open(HERE + '/result.txt', 'w') as f:
        def say(*words):
            print(*words, file=f)

        machine = os.uname()
        say('# Tests that pass natively, and how many of them pass under '
            '"rsc run --all".\n# Made by scripts/conformance --write; the '
            'others stand in "differences".')
        say('date   ', datetime.date.today())
        say('kernel ', machine.sysname, machine.release.split('-')[0],
            machine.machine)
        say('machine', os.cpu_count(), 'processors')
        say()
        for suite in suites:
            say(f'{suite.name:9}{suite.count()}{version(suite.name)}')
        for suite in suites:
            if suite.name == 'cpython':
                say('\n# cpython, module by module')
                for module, tests in suite.modules():
                    say(f'{module:30}{suite.count(tests)}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('what', choices=('again', 'compare'))
    parser.add_argument('folder')
    parser.add_argument('--floor')
    parser.add_argument('--write', action='store_true')
    parser.add_argument('suites', nargs='+')
    arguments = parser.parse_args()
    suites = [Suite(arguments.folder, name) for name in arguments.suites]
    if arguments.what == 'again':
        for suite in suites:
            print(*suite.new, sep='\n')
        return 0
    floor = {}
    if arguments.floor:
        floor = {suite: int(n) for suite, word, n in
                 (row for row in rows(arguments.floor) if len(row) == 3)}
    status = 0
    for suite in suites:
        suite.report()
        if suite.new:
            status = 1
        if len(suite.total) < floor.get(suite.name, 1):
            print(f'  {len(suite.total)} passed natively, of '
                  f'{floor.get(suite.name, 1)} that have to')
            status = 1
    if arguments.write:
        write(suites)
    return status


sys.exit(main())
