"""fio's engines, which write a file and verify it."""
from harness import FAIL, PASS, shell

VERIFY = ('exec fio --name=t --size=2m --bs=4k --verify=crc32c '
          '--verify_fatal=1 --do_verify=1 --randseed=7 --group_reporting '
          '--output-format=terse --disk_util=0 ')
ENGINES = ('sync', 'psync', 'vsync', 'pvsync', 'pvsync2', 'mmap', 'posixaio',
           'libaio', 'io_uring')
DEEP = ('posixaio', 'libaio', 'io_uring')

# NAME OPTION..., of the engine that the name begins with
VERIFIED = '''
psync-direct --direct=1 --rw=randwrite
libaio-direct --direct=1 --iodepth=16 --rw=randwrite
io_uring-direct --direct=1 --iodepth=16 --rw=randwrite
psync-osync --sync=1 --rw=write --size=512k
psync-fsync --fsync=8 --rw=randwrite --size=512k
psync-fdatasync --fdatasync=8 --rw=randwrite --size=512k
psync-falloc-none --fallocate=none --rw=write
psync-falloc-posix --fallocate=posix --rw=write
psync-falloc-keep --fallocate=keep --rw=write
psync-falloc-trunc --fallocate=truncate --rw=write
psync-multifile --nrfiles=16 --rw=randwrite
psync-opendir --rw=randwrite --directory=.
psync-md5 --rw=write --verify=md5
psync-sha256-bs --rw=randwrite --verify=sha256 --bsrange=512-16k
psync-verify-meta --rw=write --verify=pattern --verify_pattern=0xdeadbeef%o
psync-numjobs4 --rw=randwrite --numjobs=4 --size=512k
psync-overwrite --overwrite=1 --rw=randwrite
psync-unlink --unlink=1 --rw=write
psync-trim --rw=write --fadvise_hint=sequential --invalidate=1
psync-lockmem --rw=write --iomem=mmap
psync-shm --rw=write --iomem=shm
psync-mmapfile --rw=write --iomem=mmap:mf
psync-mmapshared --rw=write --iomem=mmapshared:mf
posixaio-numjobs --iodepth=4 --numjobs=2 --rw=randwrite --size=512k
psync-rate --rate=2m --rw=write
psync-openflags --openfiles=2 --nrfiles=8 --rw=write --file_service_type=random
'''.strip().splitlines()

# What has no data to verify.
NEW = ('exec fio --name=t --group_reporting --output-format=terse '
       '--disk_util=0 --ioengine={} {}')
PLAIN = '''
splice --size=2m --bs=4k --rw=write
ftruncate --size=2m --bs=4k --rw=write
falloc --size=2m --bs=4k --rw=write
filecreate --filesize=4k --nrfiles=50 --fallocate=none
filestat --filesize=4k --nrfiles=50
filedelete --filesize=4k --nrfiles=50 --fallocate=none
'''.strip().splitlines()

# One sends to the other.
PAIR = '''
common='--protocol=tcp --port={port} --size=2m --bs=4k --disk_util=0'
fio --name=l --ioengine=net --listen --rw=read $common &
sleep .7
fio --name=s --ioengine={engine} --hostname=127.0.0.1 --rw=write $common ||
        exit 1
wait $!
'''


def judge(status, output):
    if status == 0 and 'verify:' not in output:
        return PASS, ''
    return FAIL, f'status {status}'


def verified():
    for engine in ENGINES:
        depth = ' --iodepth=8' if engine in DEEP else ''
        for rw in ('write', 'randwrite', 'rw'):
            yield f'{engine}-{rw}', f'--rw={rw} --thread=0{depth}'
        yield f'{engine}-thread', '--rw=randrw --thread --numjobs=2'
    for row in VERIFIED:
        yield row.split(' ', 1)


def tests(selected):
    found = []
    for name, options in verified():
        engine = name.split('-')[0]
        found.append(shell(name, f'{VERIFY} --ioengine={engine} {options}',
                           limit=60, judge=judge))
    for row in PLAIN:
        found.append(shell(row.split()[0], NEW.format(*row.split(' ', 1)),
                           limit=60))
    for name, engine, port in (('net-tcp', 'net', 18765),
                               ('netsplice', 'netsplice', 18766)):
        found.append(shell(name, PAIR.format(engine=engine, port=port),
                           limit=60))
    return [test for test in found if selected(test.name)]
