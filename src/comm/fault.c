#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "phase_priv.h"

static const char variable[] = "KEEPONE_FAULT";

/* Takes the text up to the next colon off *rest; absent when nothing is left. */
static struct ko_slice
next_field(struct ko_slice *rest)
{
    const struct ko_slice field = *rest;
    const char *colon;

    if (rest->data == NULL)
        return field;
    colon = memchr(rest->data, ':', rest->n);
    if (colon == NULL) {
        *rest = (struct ko_slice){0};
        return field;
    }
    *rest = (struct ko_slice){colon + 1, rest->n - (size_t) (colon + 1 - rest->data)};
    return (struct ko_slice){field.data, (size_t) (colon - field.data)};
}

static bool
read_number(struct ko_slice text, uint64_t *number)
{
    enum { DIGITS_MAX = 18 };

    *number = 0;
    if (text.data == NULL || text.n == 0 || text.n > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *number = *number * 10 + (uint64_t) (text.data[i] - '0');
    }
    return true;
}

static enum fault_kind
kind_of(struct ko_slice text)
{
    if (ko_slice_equal(text, KO_SLICE("fail")))
        return FAULT_FAIL;
    if (ko_slice_equal(text, KO_SLICE("kill")))
        return FAULT_KILL;
    return ko_slice_equal(text, KO_SLICE("stop")) ? FAULT_STOP : FAULT_NONE;
}

enum ko_code
ko_fault_find(const char *phase_name, int rank, struct ko_fault *fault, struct ko_error *err)
{
    const char *const text = getenv(variable);
    struct ko_slice rest = ko_slice_of(text);
    const struct ko_slice name = next_field(&rest);
    uint64_t wanted_rank;
    bool is_valid;

    *fault = (struct ko_fault){0};
    if (text == NULL || text[0] == '\0')
        return err->code;
    is_valid = read_number(next_field(&rest), &wanted_rank);
    fault->kind = kind_of(next_field(&rest));
    if (rest.data != NULL)
        is_valid = read_number(next_field(&rest), &fault->n_steps_before) && is_valid;
    if (!is_valid || fault->kind == FAULT_NONE || rest.data != NULL) {
        fault->kind = FAULT_NONE;
        ko_fail(err, KO_E_OPTION, "%s='%s' is not '<phase>:<rank>:<fail|kill|stop>[:<steps>]'",
                variable, text);
        ko_hint(err, "unset %s: it is for tests.", variable);
    } else if (!ko_slice_equal(name, ko_slice_of(phase_name)) || wanted_rank != (uint64_t) rank) {
        fault->kind = FAULT_NONE;
    }
    return err->code;
}

enum ko_code
ko_fault_before_step(struct ko_fault *fault, struct ko_error *err)
{
    const enum fault_kind kind = fault->kind;

    if (kind == FAULT_NONE || fault->n_steps_before-- > 0)
        return err->code;
    fault->kind = FAULT_NONE;
    if (kind == FAULT_KILL)
        (void) raise(SIGKILL);
    if (kind == FAULT_STOP)
        (void) raise(SIGUSR1);
    return kind == FAULT_FAIL ? ko_fail(err, KO_E_IO, "injected fault") : err->code;
}
