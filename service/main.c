/* SPDX-License-Identifier: Apache-2.0
 *
 * fpmpool-orphans [-n] POOL_DIR...: run before PHP-FPM starts. Its time is limited, for the
 * service manager counts it as part of PHP-FPM's start. Exit code: 0 nothing to do, or all
 * done; 1 something could not be looked at or moved; 2 usage.
 */
#include "orphans.h"

#include <apr_general.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_WAIT_SEC 10
#define LOOKUP_LIMIT_SEC 10
#define LIMIT_SEC 30 /* of everything; one look-up alone may hang for longer */

/* The answer of a name service cannot be waited for any other way than this. */
static void give_up(int signal)
{
    static const char line[] =
        "FPMP0458: user: the name service did not answer within 30 s, and what was not "
        "looked at stays as it is; see to the name service, then run fpmpool-orphans\n";

    ssize_t ignored = write(STDERR_FILENO, line, sizeof(line) - 1);

    (void)ignored;
    (void)signal;
    _exit(1);
}

static void say(void *baton, const char *line)
{
    fprintf(baton, "%s\n", line);
    fflush(baton);
}

int main(int argc, char **argv)
{
    fpmp_orphans_t sweep = { .lock_wait_sec = LOCK_WAIT_SEC,
                             .time = { .limit_sec = LOOKUP_LIMIT_SEC },
                             .say = say,
                             .baton = stderr };
    apr_pool_t *p;
    int i, trouble = 0;

    sweep.only_say = argc > 1 && strcmp(argv[1], "-n") == 0;
    i = 1 + sweep.only_say;
    if (i >= argc || argv[i][0] == '-') {
        fprintf(stderr, "usage: %s [-n] POOL_DIR...\n"
                "Renames pool files of mod_fpmpool whose user or group does not exist, so "
                "that PHP-FPM starts.\n-n: only says which.\n", argv[0]);
        return 2;
    }
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        fprintf(stderr, "%s: no memory\n", argv[0]);
        return 1;
    }
    sweep.time.entries = fpmp_entries_read(p);
    atexit(apr_terminate);
    signal(SIGALRM, give_up);
    alarm(LIMIT_SEC);
    for (; i < argc; i++) {
        trouble |= fpmp_orphans_sweep(p, argv[i], &sweep);
    }
    return trouble;
}
