/*
 * A helper process of the self-test, seen from the user's side. Several may work on one job: each
 * asks for the rows it comes to, and gets those that no other has.
 */
#ifndef SELFTEST_WORKER_H
#define SELFTEST_WORKER_H

#include "selftest/verdict.h"

#include <sys/types.h>

enum worker_word {
    WORKER_NOTHING, /* but rows */
    WORKER_DONE,
    WORKER_LOST,     /* the device */
    WORKER_ERROR,    /* what kept it from testing: in err */
    WORKER_NONSENSE, /* no words of this version's */
};

struct worker {
    struct verdict_job *job;
    struct selftest_set *taken; /* by any of the job's workers */
    pid_t pid;
    int fd;                      /* -1: has ended */
    char text[2 * VERDICT_LINE]; /* what was read and is no whole line yet */
    size_t n;
    struct selftest_row row; /* begun and not ended; kernel NULL: none */
    uint32_t ended;          /* rows, by this process */
    enum worker_word last;
    double heard; /* when, by tester_now's clock */
    struct hekla_error err;
};

/* Zeros and starts *w. */
hekla_status worker_start(struct worker *w, struct verdict_job *job, struct selftest_set *taken);
/* Takes what it says, which must be there; false: it has nothing more to say. */
bool worker_listen(struct worker *w);
/* Ends it and closes its line; the status that wait gives. kill: it would not end by itself. */
int worker_end(struct worker *w, bool kill);
/* Says what became of the row that was begun. */
void worker_end_row(struct worker *w, enum hekla_verdict verdict);

#endif
