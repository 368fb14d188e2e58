/*
 * Messages: how an error looks on stderr.  Two lines at most, printed once, by rank 0.
 *
 *     keepone: error[option]: unknown option '--ky'
 *     keepone: hint: did you mean --key?
 *
 * Thread use: one thread per rank.  MPI: none.
 */
#ifndef KEEPONE_JOB_MESSAGES_H
#define KEEPONE_JOB_MESSAGES_H

#include <stdbool.h>

#include "keepone/base/error.h"

enum { KO_MESSAGE_BYTES = KO_ERROR_TEXT_BYTES + KO_ERROR_HINT_BYTES + 128 };

/*
 * Writes the lines for a failure, each with its line end.  Never allocates.  Control characters
 * become '?', so that a text out of a file cannot steer a terminal.  has_colour: ANSI colours.
 */
void ko_message_error(char text[KO_MESSAGE_BYTES], const struct ko_error *err, bool has_colour);

/* Prints them on stderr; nothing for a clean error. */
void ko_message_print_error(const struct ko_error *err, bool has_colour);

#endif
