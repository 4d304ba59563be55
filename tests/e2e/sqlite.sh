#!/bin/bash
# sqlite3 on a database of another world, in rollback-journal mode: record
# locks, journals, truncation and fsync are the server's.
. "$(dirname "$0")/lib.sh"
worlds
serve main

prepare '
	sqlite3 there.db "pragma journal_mode=delete;
		create table t(n integer primary key, v text);
		insert into t values(1, \"made there\");" >made'

fill="create table k(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)
insert into k select i, 'value ' || i from n;"

same sqlite3 new.db "pragma journal_mode; $fill select count(*), sum(a) from k;"
same sqlite3 there.db "select * from t; insert into t(v) values('x');
	select n, v from t; pragma integrity_check;"
same sqlite3 new.db "$fill
	update k set b = 'changed ' || a where a % 7 = 0;
	delete from k where a between 200 and 300;
	select a, b from k where a > 190 and a < 310;
	pragma integrity_check; vacuum; pragma integrity_check;"
same sqlite3 new.db "$fill begin; delete from k; rollback;
	select count(*) from k;"
same sqlite3 new.db "pragma journal_mode=truncate; $fill
	update k set b = a;"
same sqlite3 new.db "pragma journal_mode=persist; $fill
	update k set b = a; pragma journal_mode=delete;"
same sqlite3 -csv new.db "create table n(i);" '.import /dev/stdin n' \
	'select count(*), sum(i) from n;' '.schema' <<<$'1\n2\n3'
same sqlite3 there.db '.dump' '.backup copy.db' '.tables'

# A thousand transactions of one row each, each with a journal of its own.
rows=$(for ((i = 0; i < 100; i++)); do
	echo "insert into r values($i, 'row $i');"; done)
same bash -c "sqlite3 r.db 'create table r(i, t);'
	sqlite3 r.db <<'END'
$rows
END
	sqlite3 r.db 'select count(*), sum(i) from r; pragma integrity_check;'"

# Two processes in turn, then against each other.
same bash -c "sqlite3 n.db 'create table n(who, i);'
	for i in 1 2 3; do
		sqlite3 n.db \"insert into n values('a', \$i)\"
		sqlite3 n.db \"insert into n values('b', \$i)\"
	done
	sqlite3 n.db 'select * from n; pragma integrity_check;'"
same bash -c "sqlite3 n.db 'create table n(who, i);'
	for who in a b; do
		for i in 1 2 3 4 5 6 7 8 9 10; do
			echo '.timeout 20000'
			echo \"insert into n values('\$who', \$i);\"
		done | sqlite3 n.db &
	done
	wait
	sqlite3 n.db 'select who, count(*), sum(i) from n group by who;
		pragma integrity_check;' >result
	rm n.db; cat result"

# One holds the lock while another tries: it is busy, not corrupt.
same bash -c "sqlite3 n.db 'create table n(i);'
	mkfifo go hold; exec 5<>go 6<>hold
	{ echo 'begin exclusive; insert into n values(1);'
	  echo '.shell echo locked >go'
	  read -r _ <&6; echo 'commit;'; } | sqlite3 n.db &
	read -r _ <&5
	sqlite3 n.db 'insert into n values(2);'; echo \$?
	echo >hold
	wait
	sqlite3 n.db 'select * from n;'; rm go hold"

ran F_SETLK pread64 pwrite64 fdatasync unlinkat ftruncate
finish
