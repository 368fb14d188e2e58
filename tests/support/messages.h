/*
 * What a case writes to stderr: messages_begin() first, then messages_end() gives it as a text that
 * is valid until the next begin.
 */
#ifndef KEEPONE_TESTS_SUPPORT_MESSAGES_H
#define KEEPONE_TESTS_SUPPORT_MESSAGES_H

#include <stdio.h>
#include <unistd.h>

#include "test.h"

static int messages_fd;
static FILE *messages_file;

static inline void
messages_begin(void)
{
    (void) fflush(stderr);
    messages_fd = dup(STDERR_FILENO);
    messages_file = tmpfile();
    assert_true(messages_fd >= 0 && messages_file != NULL);
    assert_true(dup2(fileno(messages_file), STDERR_FILENO) == STDERR_FILENO);
}

static inline const char *
messages_end(void)
{
    static char text[4096];
    size_t n;

    (void) fflush(stderr);
    assert_true(dup2(messages_fd, STDERR_FILENO) == STDERR_FILENO);
    (void) close(messages_fd);
    rewind(messages_file);
    n = fread(text, 1, sizeof text - 1, messages_file);
    text[n] = '\0';
    (void) fclose(messages_file);
    return text;
}

#endif
