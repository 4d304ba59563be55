"""Types lines (argv[2] to `--`) into a command on a terminal of its own.

The next line is typed when the prompt is there. Prints what the terminal
shows; the command's status is this one's.
"""
import os
import pty
import re
import sys

split = sys.argv.index("--")
lines = sys.argv[2:split]
pid, master = pty.fork()
if not pid:
    os.execvp(sys.argv[split + 1], sys.argv[split + 1:])
screen = b""
seen = 0
while True:
    try:
        data = os.read(master, 65536)
    except OSError:
        break
    screen += data
    prompt = re.search(rb"\[\S*\]> $", screen)
    if prompt and prompt.end() > seen and lines:
        seen = len(screen)
        os.write(master, lines.pop(0).encode() + b"\r")
os.write(1, re.sub(rb"\x1b\[[?0-9;]*[a-zA-Z]", b"", screen))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
