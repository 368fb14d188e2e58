/*
 * What the tests of the job share: a job from one line of text, and back to one line.
 */
#ifndef KEEPONE_TESTS_UNIT_JOB_JOB_SUPPORT_H
#define KEEPONE_TESTS_UNIT_JOB_JOB_SUPPORT_H

#include "keepone/job/job.h"
#include "support/test.h"

enum { LINE_BYTES = 2048, LINE_WORDS = 64 };

/* "find --table t --where 'a = 1'": blanks separate words, single quotes keep blanks. */
static inline int
split_line(char *line, char *words[LINE_WORDS])
{
    int n = 1;

    words[0] = line;
    for (char *to = line, *from = line; *line != '\0'; n++) {
        bool is_quoted = false;

        while (*from == ' ')
            from++;
        if (*from == '\0')
            break;
        assert_true(n < LINE_WORDS - 1);
        words[n] = to;
        for (; *from != '\0' && (is_quoted || *from != ' '); from++) {
            if (*from == '\'')
                is_quoted = !is_quoted;
            else
                *to++ = *from;
        }
        if (*from != '\0')
            from++;
        *to++ = '\0';
    }
    return n;
}

/* A fresh job from a command line (without the program's name); clear it after a failure, too. */
static inline void
parse_line(const char *line, struct ko_job *job, struct ko_buf *print, struct ko_error *err)
{
    char copy[LINE_BYTES];
    char *words[LINE_WORDS];

    assert_true(strlen(line) < sizeof copy - 1);
    (void) snprintf(copy, sizeof copy, "%s", line);
    if (ko_job_init(job, err) == KO_OK)
        (void) ko_job_parse(split_line(copy, words), words, job, print, err);
}

/* Takes the members that are defaults out of a canonical text. */
static inline void
drop_defaults(char *text)
{
    static const char *const defaults[] = {"\"in-flight\":32,",          "\"log-level\":\"info\",",
                                           "\"max-delete-percent\":50,", "\"max-group\":1000,",
                                           "\"missing-key\":\"skip\",",  "\"progress\":\"auto\",",
                                           "\"safety\":\"checked\",",    "\"samples\":3,"};

    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        char *const at = strstr(text, defaults[i]);
        const size_t n = strlen(defaults[i]);

        if (at != NULL)
            memmove(at, at + n, strlen(at + n) + 1);
    }
}

/* The canonical text of a job without defaults, or "error: ... | hint". */
static inline void
job_text(const struct ko_job *job, struct ko_error *err, char text[LINE_BYTES])
{
    struct ko_buf out = {0};

    if (err->code == KO_OK)
        (void) ko_job_encode(job, &out, err);
    if (err->code == KO_OK)
        (void) snprintf(text, LINE_BYTES, "%.*s", KO_SLICE_ARG(ko_buf_slice(&out)));
    else
        (void) snprintf(text, LINE_BYTES, "%s: %s | %s", ko_code_name(err->code), err->text,
                        err->hint);
    drop_defaults(text);
    ko_buf_clear(&out);
}

/* One line of input and what must become of it. */
struct line_case {
    const char *line;
    const char *text;
};

static inline void
check_line(const struct line_case *expected)
{
    struct ko_job job = {0};
    struct ko_buf print = {0};
    struct ko_error err = {0};
    char text[LINE_BYTES];

    parse_line(expected->line, &job, &print, &err);
    job_text(&job, &err, text);
    CHECK_TEXT(text, expected->text);
    assert_int_equal(print.n, 0);
    ko_buf_clear(&print);
    ko_job_clear(&job);
}

#define CHECK_LINES(...)                                                        \
    do {                                                                        \
        static const struct line_case check_lines[] = {__VA_ARGS__};            \
        for (size_t i = 0; i < sizeof check_lines / sizeof check_lines[0]; i++) \
            check_line(&check_lines[i]);                                        \
    } while (0)

/* The same for the text of a job file named j.yaml. */
static inline void
check_yaml(const struct line_case *expected)
{
    struct ko_job job = {0};
    struct ko_error err = {0};
    char text[LINE_BYTES];

    if (ko_job_init(&job, &err) == KO_OK)
        (void) ko_job_parse_text(ko_slice_of(expected->line), "j.yaml", &job, &err);
    job_text(&job, &err, text);
    CHECK_TEXT(text, expected->text);
    ko_job_clear(&job);
}

#define CHECK_YAMLS(...)                                                        \
    do {                                                                        \
        static const struct line_case check_yamls[] = {__VA_ARGS__};            \
        for (size_t i = 0; i < sizeof check_yamls / sizeof check_yamls[0]; i++) \
            check_yaml(&check_yamls[i]);                                        \
    } while (0)

#endif
