"""What a suite says about its tests, and where their files live."""

HERE = '/mnt/suites'		# this folder, as both worlds see it
RESULTS = '/mnt/results'	# likewise, of this run
SCRATCH = '/mnt/scratch'	# each world's own
WORK = SCRATCH + '/w'		# the working directory of a test
TMP = SCRATCH + '/tmp'
HOME = SCRATCH + '/home'
FOLDERS = (WORK, TMP, HOME)	# made anew for each test

PYTHON = '/usr/bin/python3.11'

PASS, FAIL, SKIP = 'PASS', 'FAIL', 'SKIP'


class Test:
    """A program to run once, and the results that its end stands for.

    limit: seconds; env: variables beside those of every test;
    before, after: commands of the shell, run where the files of the test are;
    what fails afterwards fails the test;
    during: (seconds, command): run there after that time, then the program is
    asked to end;
    keys: on a terminal, [(seconds, text)]; a list, if empty, means a terminal.
    """

    def __init__(self, name, argv, limit=30, env=None, before=None,
                 after=None, during=None, keys=None, judge=None):
        self.name = name
        self.argv = argv
        self.limit = limit
        self.env = env or {}
        self.before = before
        self.after = after
        self.during = during
        self.keys = keys
        if judge:
            self.judge = judge

    def names(self):
        """The tests that this program stands for."""
        return [self.name]

    def judge(self, status, output):
        """(result, reason) for the exit status (negative: the signal)."""
        return (PASS, '') if status == 0 else (FAIL, f'status {status}')

    def results(self, status, output):
        """{name: (result, reason)}, as far as it came."""
        return {self.name: self.judge(status, output)}

    def rest(self, results):
        """A test for what is missing in results, or None."""
        return None


def shell(name, script, **options):
    """A test that is a script of the shell."""
    return Test(name, ['/bin/sh', '-c', script], **options)
