/*
 * Fuzz: the job file and the canonical text of a job.
 *
 * The bytes are read both as YAML and as canonical text.  A job that comes out of either must
 * come back from its canonical text as the same text; and as JSON is YAML, the reader of job
 * files must see in that text what the decoder sees.
 */
#include <stdio.h>
#include <stdlib.h>

#include "keepone/job/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
expect(bool is_true, const char *sentence, const struct ko_error *err)
{
    if (is_true)
        return;
    (void) fprintf(stderr, "%s: %s\n", sentence, err->text);
    __builtin_trap();
}

static void
encode(const struct ko_job *job, struct ko_buf *text)
{
    struct ko_error err = {0};

    expect(ko_job_encode(job, text, &err) == KO_OK, "a job cannot be encoded", &err);
}

/* What libyaml does not let through unescaped although JSON does. */
static bool
is_plain(struct ko_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char) text.data[i] < 0x20 || (unsigned char) text.data[i] > 0x7e)
            return false;
    }
    return true;
}

static void
check_round_trip(const struct ko_job *job)
{
    struct ko_buf texts[3] = {{0}, {0}, {0}};
    struct ko_job again = {0};
    struct ko_job of_yaml = {0};
    struct ko_error err = {0};

    encode(job, &texts[0]);
    expect(ko_job_init(&again, &err) == KO_OK, "no job", &err);
    (void) ko_job_decode(ko_buf_slice(&texts[0]), &again, &err);
    expect(err.code == KO_OK, "an encoded job is refused", &err);
    encode(&again, &texts[1]);
    expect(ko_slice_equal(ko_buf_slice(&texts[0]), ko_buf_slice(&texts[1])),
           "a decoded job differs", &err);

    /* beside a run verify refuses rules, even the defaults that a canonical text writes out */
    if (ko_job_check(&again, &err) == KO_OK && is_plain(ko_buf_slice(&texts[0]))) {
        expect(ko_job_init(&of_yaml, &err) == KO_OK, "no job", &err);
        (void) ko_job_parse_text(ko_buf_slice(&texts[0]), "again.yaml", &of_yaml, &err);
        expect(err.code == KO_OK, "a canonical text is no job file", &err);
        encode(&of_yaml, &texts[2]);
        expect(ko_slice_equal(ko_buf_slice(&texts[0]), ko_buf_slice(&texts[2])),
               "the two readers differ", &err);
    }
    for (size_t i = 0; i < 3; i++)
        ko_buf_clear(&texts[i]);
    ko_job_clear(&again);
    ko_job_clear(&of_yaml);
}

static void
check_error(const struct ko_error *err)
{
    expect(err->code == KO_E_OPTION || err->code == KO_E_CORRUPT, "an unexpected code", err);
    expect(err->text[0] != '\0', "an error without words", err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {n == 0 ? "" : (const char *) data, n};

    for (int reader = 0; reader < 2; reader++) {
        struct ko_job job = {0};
        struct ko_error err = {0};

        expect(ko_job_init(&job, &err) == KO_OK, "no job", &err);
        if (reader == 0)
            (void) ko_job_parse_text(text, "fuzz.yaml", &job, &err);
        else
            (void) ko_job_decode(text, &job, &err);
        if (err.code == KO_OK)
            check_round_trip(&job);
        else
            check_error(&err);
        ko_job_clear(&job);
    }
    expect(ko_mem_live() == 0, "memory leaked", &(struct ko_error){0});
    return 0;
}
