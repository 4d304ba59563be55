"""Works in directories whose names are longer than a path can be."""
import os
import sys

top = sys.argv[1]
name = "d" * 100
os.chdir(top)
start = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
for depth in range(60):
    os.mkdir(name)
    os.chdir(name)
try:
    print(os.getcwd())
except OSError as e:
    print("getcwd", e.errno)
with open("file", "w") as f:
    f.write("deep")
with open("file") as f:
    print(f.read(), os.stat("file").st_size, os.listdir("."))
os.rename("file", "other")
deep = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
print(os.listdir(deep), os.stat("other", dir_fd=deep).st_size)
for depth in range(59):
    os.chdir("..")
print(os.getcwd() == top + "/" + name)
os.fchdir(deep)
os.unlink("other", dir_fd=deep)
os.fchdir(start)
print(os.getcwd() == top)
above = [start]
for depth in range(60):
    above.append(os.open(name, os.O_RDONLY | os.O_DIRECTORY,
                         dir_fd=above[-1]))
for fd in reversed(above[:-1]):
    os.rmdir(name, dir_fd=fd)
print(os.listdir(top))
