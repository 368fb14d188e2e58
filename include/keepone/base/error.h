/*
 * Errors: a code to branch on, a sentence to read, a hint to act on.
 *
 * A function that can fail returns enum ko_code and takes struct ko_error * last.
 * The first failure wins; callers above add where they were with ko_context().
 * struct ko_error never allocates, so it works when memory is gone, and has a
 * fixed size, so it travels in one MPI message.
 *
 * Thread use: one thread per rank.  MPI: none, every call is local.
 */
#ifndef KEEPONE_BASE_ERROR_H
#define KEEPONE_BASE_ERROR_H

/* The exit codes of the program.  The larger code is the better explanation. */
enum ko_code {
    KO_OK = 0,
    KO_E_OPTION = 2,     /* bad option or job file */
    KO_E_REFUSED = 3,    /* refused by a limit or guard */
    KO_E_UNCLEAN = 4,    /* done, but duplicates remain, or items were spared or changed */
    KO_E_PARTIAL = 5,    /* some items failed */
    KO_E_STOPPED = 10,   /* stopped; the same command resumes */
    KO_E_THROTTLED = 20, /* throttled past the time limit */
    KO_E_AWS = 21,       /* network or AWS fault */
    KO_E_ACCESS = 22,    /* AWS access: credentials, permissions, table not found */
    KO_E_IO = 30,        /* disk */
    KO_E_CORRUPT = 31,   /* corrupt file */
    KO_E_MEMORY = 40,    /* memory budget or allocation */
    KO_E_COMM = 50,      /* MPI */
    KO_E_BUG = 70        /* a promise of the code to itself is broken */
};

enum { KO_ERROR_TEXT_BYTES = 1024, KO_ERROR_HINT_BYTES = 512 };

/* {0} is a clean error.  Secrets never enter it. */
struct ko_error {
    enum ko_code code;
    char text[KO_ERROR_TEXT_BYTES]; /* lower case, what failed on what, no full stop */
    char hint[KO_ERROR_HINT_BYTES]; /* one sentence for the user with a full stop, or empty */
};

/* On failure go to `done`.  The only macro that hides a jump. */
#define KO_TRY(call)         \
    do {                     \
        if ((call) != KO_OK) \
            goto done;       \
    } while (0)

#define KO_FORMAT(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))

/* Sets code and text unless a failure is already there.  Returns err->code. */
enum ko_code ko_fail(struct ko_error *err, enum ko_code code, const char *format, ...)
    KO_FORMAT(3, 4);

/* Like ko_fail(), and adds ": " and the text of the system's `errnum`; ENOSPC brings a hint. */
enum ko_code ko_fail_errno(struct ko_error *err, enum ko_code code, int errnum, const char *format,
                           ...) KO_FORMAT(4, 5);

/* Sets the hint unless there is one already. */
void ko_hint(struct ko_error *err, const char *format, ...) KO_FORMAT(2, 3);

/* Puts "<where>: " in front of the text of a failure; does nothing on a clean error. */
void ko_context(struct ko_error *err, const char *format, ...) KO_FORMAT(2, 3);

/* The word in error messages, such as "throttled" for KO_E_THROTTLED. */
const char *ko_code_name(enum ko_code code);

/* Called with a sentence when KO_ASSERT fails; must not return. */
typedef void ko_assert_fn(const char *sentence);

/* main.c installs the handler (MPI_Abort); without one the process is ended by SIGABRT. */
void ko_assert_install(ko_assert_fn *handler);

_Noreturn void ko_assert_fail(const char *file, int line, const char *condition);

/* "Impossible" states.  On in release too: this program deletes data. */
#define KO_ASSERT(condition) \
    ((condition) ? (void) 0 : ko_assert_fail(__FILE__, __LINE__, #condition))

#endif
