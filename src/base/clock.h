/* base/clock: seconds by one of the system's clocks. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <time.h>

static inline double clock_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Never goes back; only differences mean something. */
static inline double clock_now(void)
{
    return clock_seconds(CLOCK_MONOTONIC);
}

#endif
