"""Programs of everyday: the files in smoke/, each a list of tests.

A test there is

    == NAME [direct] [tty] [status=N|any] [limit=SECONDS]
    @before COMMAND         run where the files are, before the test
    @after COMMAND          likewise afterwards; its failure is the test's
    @during SECONDS COMMAND likewise meanwhile; then the program is ended
    @key SECONDS TEXT       typed after so long; Python's escapes
    @env NAME=VALUE...
    SCRIPT                  of bash; with "direct" the words of one program
    --
    REGEX                   the whole output; without "--" it may be any
"""
import glob
import os
import re
import shlex

from harness import FAIL, HERE, PASS, Test


def judge(wanted_status, wanted_output):
    def result(status, output):
        output = output.replace('\r\n', '\n').strip()
        if wanted_status not in ('any', str(status)):
            return FAIL, f'status {status}'
        if wanted_output is None or re.fullmatch(wanted_output, output, re.S):
            return PASS, ''
        return FAIL, 'output: ' + repr(output[-160:])
    return result


def parse(text):
    header, *lines = text.rstrip('\n').split('\n')
    name, *words = header.split()
    output = None
    if '--' in lines:
        end = lines.index('--')
        output = '\n'.join(lines[end + 1:])
        del lines[end:]
    options = {'keys': [] if 'tty' in words else None}
    while lines and lines[0].startswith('@'):
        kind, rest = lines.pop(0)[1:].split(' ', 1)
        if kind == 'key':
            pause, keys = rest.split(' ', 1)
            options['keys'].append(
                (float(pause), keys.encode().decode('unicode_escape')))
        elif kind == 'during':
            pause, command = rest.split(' ', 1)
            options['during'] = float(pause), command
        elif kind == 'env':
            options.setdefault('env', {}).update(
                v.split('=', 1) for v in shlex.split(rest))
        else:
            options[kind] = rest
    script = '\n'.join(lines)
    argv = ['/bin/bash', '-c', script]
    if 'direct' in words:
        argv = shlex.split(script)
    values = dict(w.split('=') for w in words if '=' in w)
    return Test(name, argv, limit=int(values.get('limit', 30)),
                judge=judge(values.get('status', '0'), output), **options)


def tests(selected):
    found = []
    for file in sorted(glob.glob(f'{HERE}/suites/smoke/*')):
        with open(file) as f:
            _, *texts = re.split(r'^== ', f.read(), flags=re.M)
        found += [parse(text) for text in texts]
    return [test for test in found if selected(test.name)]
