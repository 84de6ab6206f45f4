/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzzers share. libFuzzer calls LLVMFuzzerTestOneInput with random bytes; a
 * property that does not hold ends the program.
 */
#ifndef FPMP_TESTS_FUZZ_H
#define FPMP_TESTS_FUZZ_H

#include "../../core/core.h"

#include <apr_general.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

#define HOLDS(what)                                                                        \
    do {                                                                                   \
        if (!(what)) {                                                                     \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);      \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return apr_initialize() != APR_SUCCESS;
}

/* The input with a NUL behind it, in memory of just that size. */
static inline char *text_of(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* The arguments of a directive, one a line. */
static inline int words_of(char *text, char *words[WORDS_MAX])
{
    int count = 0;

    for (char *end; count < WORDS_MAX; text = end + 1) {
        end = strchr(text, '\n');
        words[count++] = text;
        if (!end) {
            break;
        }
        *end = '\0';
    }
    return count;
}

#endif
