"""Runs the tests of one class of CPython's, and says how each went.

usage: cpython_class.py --list MODULE            @@CASE MODULE CLASS TEST lines
       cpython_class.py --skip TEST,... MODULE CLASS
"""
import importlib
import os
import sys
import unittest

import test.support
from test.support import os_helper

test.support.use_resources = []		# no network, no huge file
test.support.verbose = 0


def flat(suite):
    for test_ in suite:
        if isinstance(test_, unittest.TestSuite):
            yield from flat(test_)
        else:
            yield test_


def load(module):
    loader = unittest.defaultTestLoader
    return list(flat(loader.loadTestsFromModule(
        importlib.import_module(module))))


def class_of(case):
    return f'{type(case).__module__}.{type(case).__qualname__}'


class Result(unittest.TestResult):
    def tell(self, *words):
        # Tests replace sys.stdout.
        out.write('\n@@' + ' '.join(words) + '\n')

    def startTest(self, case):
        super().startTest(case)
        self.result = 'PASS'
        self.tell('START', case.id())

    def stopTest(self, case):
        super().stopTest(case)
        self.tell('END', case.id(), self.result)

    def failed(self, case, error):
        self.result = 'FAIL'
        out.write(self._exc_info_to_string(error, case))

    def addError(self, case, error):
        super().addError(case, error)
        self.failed(case, error)

    def addFailure(self, case, error):
        super().addFailure(case, error)
        self.failed(case, error)

    def addSubTest(self, case, sub, error):
        super().addSubTest(case, sub, error)
        if error:
            self.failed(case, error)

    def addSkip(self, case, reason):
        super().addSkip(case, reason)
        self.result = 'SKIP'
        if not hasattr(case, '_testMethodName'):
            # setUpClass or setUpModule did it for all of them.
            self.tell('SKIPPED', reason.replace('\n', ' '))

    def addUnexpectedSuccess(self, case):
        super().addUnexpectedSuccess(case)
        self.result = 'FAIL'


def main():
    if sys.argv[1] == '--list':
        for case in load(sys.argv[2]):
            print('@@CASE', sys.argv[2], class_of(case), case.id())
        return
    skip, module, name = sys.argv[2:]
    skip = set(skip.split(','))
    with os_helper.temp_cwd('tests', quiet=True):
        # Modules remember where they were imported.
        cases = [case for case in load(module)
                 if class_of(case) == name and case.id() not in skip]
        unittest.TestSuite(cases)(Result())
    sys.stdout.flush()
    os._exit(0)		# whatever the tests left behind


if __name__ == '__main__':
    out = os.fdopen(os.dup(1), 'w', buffering=1)
    main()
