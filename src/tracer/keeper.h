/*
 * The keeper: a task on the server that holds the files that are mapped here,
 * so that they can be read and written whoever has closed them or died.
 */
#ifndef RSC_KEEPER_H
#define RSC_KEEPER_H

#include "tracer/image.h"

struct run;
struct tracee;

/* Work on one image. One piece at a time has its turn in the whole session. */
struct chore {
	struct chore *next;
	struct tracee *t;  /* whose call waits; NULL: nobody's (any more) */
	struct image *img; /* a reference */
	void (*then)(struct run *run, struct tracee *t);
	void (*step)(struct run *run, struct chore *c);	 /* of the keeper */
	void (*after)(struct run *run, struct chore *c); /* when t is NULL */
	uint64_t lo;					 /* bytes of the file */
	uint64_t hi;
	uint64_t grown; /* from here on it is read afterwards, if not 0 */
	uint64_t end;	/* of a lazy mapping, while other bytes are read */
	uint64_t at;
	uint64_t data; /* to here there are no holes */
	size_t len;    /* of what is on its way */
	int64_t err;
	int fd;	     /* the handle that somebody waits to read */
	bool writes; /* for a mapping that can be written */
	bool lazy;   /* for one that can wait, or that does, afterwards */
	enum { MISSING, KNOWN, ALL, STRAYS } blocks; /* that are to be read */
	bool known; /* what is here is the file's */
	bool sync;  /* to the disk */
	bool works; /* the keeper has asked */
	bool wrote; /* t changes the file itself */
};

#define KEEPER_ROOM (1ull << 30)

struct keeper {
	uint64_t room;		/* --map-memory, in bytes */
	struct tracee *task;	/* owned: a name on the wire, no process */
	struct tracee *readers; /* owned: the same, for rsc_recall */
	struct tracee *filler;	/* owned: the same, lazy_fill.c's; or NULL */
	struct chore *first;	/* owned: who has the turn, who waits */
	struct images images;
	struct image *idle; /* list, of references; who came first is first */
	unsigned int nidle;
	int64_t real; /* s: the server's real time over our monotonic one */
	bool timed;   /* that is known */
	void (*next)(struct run *run, struct chore *c); /* when it is */
	uint8_t *buf;					/* owned */
	bool loose;					/* --coherence=loose */
	bool lost;    /* stores did not reach the server */
	bool no_flag; /* the server's kernel has no RWF_NOAPPEND */
};

/* A twin of the root, before the program starts. 0 or -errno. */
int keeper_init(struct run *run, struct tracee *root);

/*
 * Calls then when t has its turn for work on img; t stays at its stop. The
 * turn ends with t's call, in finish_skip() or finish_exit(), or by
 * keeper_end().
 */
void keeper_turn(struct run *run, struct tracee *t, struct image *img,
		 void (*then)(struct run *run, struct tracee *t));
void keeper_end(struct run *run, struct tracee *t);
/*
 * Calls then when the file, if it was mapped, is no longer held: in t's turn or
 * without one.
 */
void keeper_settle(struct run *run, struct tracee *t, uint64_t dev,
		   uint64_t ino,
		   void (*then)(struct run *run, struct tracee *t));
/* t is at its end, or its call was given up. */
void keeper_forget(struct run *run, struct tracee *t);
/* The link is lost: what the keeper asked fails. */
void keeper_lost(struct run *run);

/* In t's turn; then is called with the result in t->chore->err. */

/*
 * Bytes [lo, hi) of the file are wanted for a mapping; descriptor fd of t is
 * how it has the file. Where t->chore->lazy is set they need not be here; it
 * says then whether the mapping has to wait for its pages.
 */
void keeper_map(struct run *run, struct tracee *t, int fd, uint64_t lo,
		uint64_t hi, bool writes,
		void (*then)(struct run *run, struct tracee *t));
/* What the program has changed of [lo, hi) goes to the server. */
void keeper_flush(struct run *run, struct tracee *t, uint64_t lo, uint64_t hi,
		  bool sync, void (*then)(struct run *run, struct tracee *t));
/*
 * Bytes [lo, hi), whole pages, have been taken out of the pages here: they are
 * a hole in the file.
 */
void keeper_punch(struct run *run, struct tracee *t, uint64_t lo, uint64_t hi,
		  void (*then)(struct run *run, struct tracee *t));
/* The file was changed there: what is here is read again. */
void keeper_refresh(struct run *run, struct tracee *t,
		    void (*then)(struct run *run, struct tracee *t));

/*
 * The last mapping is gone (maps_gone_fn): writes back, then lets the file go.
 * Takes over the reference.
 */
void keeper_release(void *run, struct image *img);
/* The program has ended: until everything is written back. */
void keeper_finish(struct run *run);

#endif
