/*
 * What the parsers of the command line, the job file and the canonical text share: a
 * setting is an option's name and value as somebody wrote it.
 *
 * Thread use: one job, one thread.  MPI: none.
 */
#ifndef KEEPONE_JOB_JOB_PRIV_H
#define KEEPONE_JOB_JOB_PRIV_H

#include "keepone/job/job.h"

/* Names and values are borrowed: they live as long as the job (its arena, or argv). */
struct ko_setting {
    struct ko_setting *next;
    struct ko_slice name;
    struct ko_slice *values; /* one, unless is_sequence */
    size_t n_values;
    bool is_sequence;   /* each value is one element of a list, not to be split at commas */
    uint32_t file_line; /* 0 = on the command line */
};

/* In the order written. */
struct ko_settings {
    struct ko_setting *first;
    struct ko_setting *last;
};

/* Adds a setting with room for n values; NULL with KO_E_MEMORY. */
struct ko_setting *ko_settings_add(struct ko_settings *settings, struct ko_arena *arena,
                                   struct ko_slice name, size_t n_values, struct ko_error *err);

/*
 * Gives the option its value and origin.  A setting of the command line replaces one of the job
 * file; a list of the command line grows; anything else written twice is KO_E_OPTION.
 */
enum ko_code ko_setting_apply(struct ko_job *job, enum ko_option_id id,
                              const struct ko_setting *setting, struct ko_error *err);

/* Applies all of them for the job's verb; KO_E_OPTION for a name that the verb does not take. */
enum ko_code ko_settings_apply(struct ko_job *job, const struct ko_settings *settings,
                               struct ko_error *err);

/* Gives the option's field its value; the error text does not name the option. */
enum ko_code ko_value_set(struct ko_job *job, enum ko_option_id id,
                          const struct ko_setting *setting, struct ko_error *err);

/* Copies a text that is not empty, has no NUL and is valid UTF-8; else KO_E_OPTION. */
enum ko_code ko_value_copy_text(struct ko_arena *arena, struct ko_slice text, const char **copy,
                                struct ko_error *err);

/* Adds the setting's elements to those that are there. */
enum ko_code ko_list_extend(struct ko_job *job, struct ko_text_list *list,
                            const struct ko_setting *setting, struct ko_error *err);

/* Reads the YAML text of a job file into settings and a verb (find, if there is none). */
enum ko_code ko_job_file_read(struct ko_slice yaml, struct ko_job *job,
                              struct ko_settings *settings, struct ko_error *err);

/* Adds the option's value as it would be written behind --name; nothing if it has none. */
void ko_option_add_value(struct ko_buf *out, const struct ko_job *job, enum ko_option_id id);

/* Adds a number of this option in its unit: 1000, 512M, 0.25. */
void ko_option_add_number(struct ko_buf *out, const struct ko_option *option, uint64_t value);

/* Adds a rate: 500, 50%. */
void ko_option_add_rate(struct ko_buf *out, const struct ko_job_rate *rate);

/* Adds "1 to 1024 requests; default: 32", "skip, error, group; required" or nothing. */
void ko_option_add_details(struct ko_buf *out, const struct ko_option *option, bool is_required);

/* True unless the field is empty (NULL, no element) or, without a default, 0 or false. */
bool ko_option_has_value(const struct ko_job *job, enum ko_option_id id);

static inline void *
ko_job_field(struct ko_job *job, enum ko_option_id id)
{
    return (char *) job + ko_option_of(id)->field_offset;
}

static inline const void *
ko_job_field_const(const struct ko_job *job, enum ko_option_id id)
{
    return (const char *) job + ko_option_of(id)->field_offset;
}

#endif
