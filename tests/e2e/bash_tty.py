# Types into an interactive bash on a terminal of its own, line by line: each
# waits for what the one before leads to. Prints what the terminal showed.
import os
import pty
import re
import select
import sys

PROMPT = b"P> "
C, Z = b"\x03", b"\x1a"
# What is typed, and what is waited for before the next.
LINES = [
    (b"echo one | tr a-z A-Z | cat\n", PROMPT),
    (b"cat <<END | sort\n", b"> "),
    (b"pear\n", b"> "),
    (b"apple\n", b"> "),
    (b"END\n", PROMPT),
    (b"trap 'echo trapped' USR1; kill -USR1 $$; echo after\n", PROMPT),
    (b"mkfifo f; (read -r x <f; echo \"got $x\") &\n", PROMPT),
    (b"echo word >f; wait; echo waited\n", PROMPT),
    (b"sleep 1000\n", "runs sleep"),
    (Z, PROMPT),
    (b"jobs | sed 's/ *$//'\n", PROMPT),
    (b"bg >/dev/null; jobs | sed 's/ *$//'\n", PROMPT),
    (b"fg\n", "runs sleep"),
    (C, PROMPT),
    (b"echo $?\n", PROMPT),
    (b"cat\n", "runs cat"),
    (b"line\n", b"line\r\nline\r\n"),
    (C, PROMPT),
    (b"sleep 1000 & sleep 1000 &\n", PROMPT),
    (b"kill %1; wait %1; echo $?; jobs | wc -l\n", PROMPT),
    (b"kill -KILL %2; wait %2; echo $?\n", PROMPT),
    (b"(exit 7); echo $?; ! true; echo $?\n", PROMPT),
    (b"echo $(cat name) ${x:-unset}; x=5 bash -c 'echo $x'\n", PROMPT),
    (b"trap 'echo interrupted' INT; sleep 1000\n", "runs sleep"),
    (C, PROMPT),
    (b"trap - INT; history | tail -3 | cut -c 8-\n", PROMPT),
    (b"!ec\n", PROMPT),
    (b"history -a; wc -l <hist; tty >/dev/null; echo $?; stty -a | head -1 | "
     b"cut -d ';' -f 2-3\n", PROMPT),
    (b"exit 3\n", None),
]


def runs(fd, name):
    """A program of that name has the terminal, and waits."""
    try:
        group = os.tcgetpgrp(fd)
        with open("/proc/%d/stat" % group) as f:
            text = f.read()
    except OSError:
        return False
    comm, rest = re.match(r"\d+ \((.*)\) (.*)", text).groups()
    return comm == name


def main():
    pid, fd = pty.fork()
    if not pid:
        os.execvp(sys.argv[1], sys.argv[1:])
    shown = b""
    mark = 0

    def until(what):
        nonlocal shown, mark
        for _ in range(1500):
            if what is not None and isinstance(what, str):
                if runs(fd, what.split()[1]):
                    return
            elif what is not None and what in shown[mark:]:
                mark = shown.index(what, mark) + len(what)
                return
            if select.select([fd], [], [], .02)[0]:
                try:
                    more = os.read(fd, 4096)
                except OSError:
                    more = b""
                if not more:
                    return
                shown += more
        sys.stdout.write(shown.decode(errors="replace"))
        sys.exit("waited for %r" % (what,))

    until(PROMPT)
    for text, then in LINES:
        os.write(fd, text)
        until(then)
    status = os.waitpid(pid, 0)[1]
    text = shown.decode(errors="replace").replace("\r\n", "\n")
    text = re.sub(r"(\[\d\]) \d+", r"\1 N", text)
    # Whether it is told before or after the prompt is chance.
    text = re.sub(r"\[\d\][+-]? +Done .*\n", "", text)
    sys.stdout.write(text)
    print("status", os.waitstatus_to_exitcode(status))


main()
