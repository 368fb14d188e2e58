#include "keepone/base/error.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static ko_assert_fn *assert_handler;

static void
set_text(struct ko_error *err, enum ko_code code, const char *format, va_list args)
{
    err->code = code;
    err->hint[0] = '\0';
    (void) vsnprintf(err->text, sizeof err->text, format, args);
}

enum ko_code
ko_fail(struct ko_error *err, enum ko_code code, const char *format, ...)
{
    va_list args;

    if (err->code != KO_OK)
        return err->code;
    va_start(args, format);
    set_text(err, code, format, args);
    va_end(args);
    return code;
}

enum ko_code
ko_fail_errno(struct ko_error *err, enum ko_code code, int errnum, const char *format, ...)
{
    char room[128];
    size_t n;
    va_list args;

    if (err->code != KO_OK)
        return err->code;
    va_start(args, format);
    set_text(err, code, format, args);
    va_end(args);
    n = strlen(err->text);
    /* GNU's strerror_r: the text may be elsewhere than in `room`. */
    (void) snprintf(err->text + n, sizeof err->text - n, ": %s",
                    strerror_r(errnum, room, sizeof room));
    if (errnum == ENOSPC || errnum == EDQUOT)
        ko_hint(err, "make room on that disk and run the same command again.");
    return code;
}

void
ko_hint(struct ko_error *err, const char *format, ...)
{
    va_list args;

    if (err->hint[0] != '\0')
        return;
    va_start(args, format);
    (void) vsnprintf(err->hint, sizeof err->hint, format, args);
    va_end(args);
}

void
ko_context(struct ko_error *err, const char *format, ...)
{
    char old[sizeof err->text];
    size_t n;
    va_list args;

    if (err->code == KO_OK)
        return;
    memcpy(old, err->text, sizeof old);
    va_start(args, format);
    (void) vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    n = strlen(err->text);
    (void) snprintf(err->text + n, sizeof err->text - n, ": %s", old);
}

const char *
ko_code_name(enum ko_code code)
{
    switch (code) {
    case KO_OK:
        return "ok";
    case KO_E_OPTION:
        return "option";
    case KO_E_REFUSED:
        return "refused";
    case KO_E_UNCLEAN:
        return "not clean";
    case KO_E_PARTIAL:
        return "some failed";
    case KO_E_STOPPED:
        return "stopped";
    case KO_E_THROTTLED:
        return "throttled";
    case KO_E_AWS:
        return "aws";
    case KO_E_ACCESS:
        return "access";
    case KO_E_IO:
        return "disk";
    case KO_E_CORRUPT:
        return "corrupt";
    case KO_E_MEMORY:
        return "memory";
    case KO_E_COMM:
        return "mpi";
    case KO_E_BUG:
        return "bug";
    }
    return "unknown";
}

void
ko_assert_install(ko_assert_fn *handler)
{
    assert_handler = handler;
}

void
ko_assert_fail(const char *file, int line, const char *condition)
{
    char sentence[256];

    (void) snprintf(sentence, sizeof sentence, "%s:%d: '%s' does not hold", file, line, condition);
    if (assert_handler != NULL)
        assert_handler(sentence);
    (void) fprintf(stderr, "keepone: error[bug]: %s\n", sentence);
    (void) raise(SIGABRT);
    _exit(KO_E_BUG);
}
