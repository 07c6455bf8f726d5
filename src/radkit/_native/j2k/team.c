/* Threads for the parts of a tile. */
#include "stripes.h"

#ifdef _WIN32

void rk_j2k_team(void (*work)(void *context, size_t number), void *context, size_t n)
{
    for (size_t k = 0; k < n; k++)
        work(context, k);
}

#else

#include <pthread.h>

#define MOST 64

typedef struct member {
    void (*work)(void *context, size_t number);
    void *context;
    size_t number;
    pthread_t thread;
    bool started;
} member;

static void *start(void *argument)
{
    const member *m = argument;
    m->work(m->context, m->number);
    return NULL;
}

void rk_j2k_team(void (*work)(void *context, size_t number), void *context, size_t n)
{
    member members[MOST];
    size_t helpers = n > MOST ? MOST : n ? n - 1 : 0;
    for (size_t k = 0; k < helpers; k++) {
        members[k] = (member){.work = work, .context = context, .number = k};
        members[k].started = pthread_create(&members[k].thread, NULL, start, &members[k]) == 0;
    }
    for (size_t k = helpers; k < n; k++)
        work(context, k);
    for (size_t k = 0; k < helpers; k++)
        if (members[k].started)
            pthread_join(members[k].thread, NULL);
        else
            work(context, k); /* the system gives no more threads */
}

#endif
