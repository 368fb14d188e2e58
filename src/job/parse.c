#include "job_priv.h"
#include "keepone/base/file.h"
#include "keepone/base/mount.h"

enum { JOB_FILE_BYTES_MAX = 64 * 1024 };

/*
 * The command line is split here, not by argp or getopt_long: those accept abbreviations, move
 * the words of argv about, and with their own messages off cannot say what was wrong.  Under
 * mpirun it takes one exact message from rank 0 and no exit in the middle.
 */
struct arguments {
    int n;
    char *const *words;
    int at;
    enum ko_verb verb;
    bool has_only_words; /* behind "--" */
};

/* Verbs that take a job file, and with it another verb. */
static bool
is_about_a_file(enum ko_verb verb)
{
    return verb == KO_VERB_RUN || verb == KO_VERB_POLICY;
}

static bool
is_dashed(const char *word)
{
    return word[0] == '-' && word[1] == '-';
}

/* --help, -h, --help=man, --help=schema and --version end the reading. */
static bool
add_print(struct ko_buf *print, const char *word, enum ko_verb verb)
{
    if (strcmp(word, "--version") == 0)
        ko_buf_add_text(print, "keepone " KEEPONE_VERSION "\n");
    else if (strcmp(word, "--help=man") == 0)
        ko_options_add_man(print);
    else if (strcmp(word, "--help=schema") == 0)
        ko_options_add_schema(print);
    else if (strcmp(word, "--help") != 0 && strcmp(word, "-h") != 0)
        return false;
    else if (verb == KO_VERB_COUNT)
        ko_options_add_help(print);
    else
        ko_options_add_verb_help(print, verb);
    return true;
}

static enum ko_code
take_value(struct arguments *arguments, const struct ko_option *option, struct ko_slice *value,
           struct ko_error *err)
{
    if (option->type == KO_TYPE_FLAG) {
        *value = KO_SLICE("true");
        return KO_OK;
    }
    if (arguments->at == arguments->n || is_dashed(arguments->words[arguments->at])) {
        (void) ko_fail(err, KO_E_OPTION, "--%s: the value is missing", option->name);
        ko_hint(err, "write --%s %s; a value that begins with dashes is written --%s=VALUE.",
                option->name, option->value, option->name);
        return err->code;
    }
    *value = ko_slice_of(arguments->words[arguments->at++]);
    return KO_OK;
}

static enum ko_code
take_option(struct arguments *arguments, const char *word, struct ko_job *job,
            struct ko_settings *settings, struct ko_error *err)
{
    const char *const equals = strchr(word, '=');
    const struct ko_slice name =
        equals == NULL ? ko_slice_of(word) : (struct ko_slice){word, (size_t) (equals - word)};
    const enum ko_option_id id = ko_option_find(name);
    struct ko_setting *setting;

    /* what the job of a `run` takes is known when its file has been read */
    if (id == KO_OPTION_NONE ||
        (!is_about_a_file(arguments->verb) && !ko_option_belongs(id, arguments->verb)))
        return ko_option_fail_unknown(name, "--", arguments->verb, err);
    setting = ko_settings_add(settings, job->arena, name, 1, err);
    if (setting == NULL)
        return err->code;
    if (equals != NULL)
        setting->values[0] = ko_slice_of(equals + 1);
    else
        (void) take_value(arguments, ko_option_of(id), &setting->values[0], err);
    return err->code;
}

static enum ko_code
take_word(const struct arguments *arguments, const char *word, struct ko_job *job,
          struct ko_settings *settings, struct ko_error *err)
{
    const struct ko_verb_info *verb = ko_verb_info_of(arguments->verb);
    struct ko_setting *setting;

    if (verb->positional == KO_OPTION_NONE) {
        (void) ko_fail(err, KO_E_OPTION, "unexpected word '%s'", word);
        ko_hint(err, "usage: keepone %s", verb->usage);
        return err->code;
    }
    setting = ko_settings_add(settings, job->arena,
                              ko_slice_of(ko_option_of(verb->positional)->name), 1, err);
    if (setting != NULL)
        setting->values[0] = ko_slice_of(word);
    return err->code;
}

/* Splits the words behind the verb into settings; *is_printed if a help text was asked for. */
static enum ko_code
take_arguments(struct arguments *arguments, struct ko_job *job, struct ko_settings *settings,
               struct ko_buf *print, struct ko_error *err)
{
    while (arguments->at < arguments->n) {
        const char *const word = arguments->words[arguments->at++];

        if (arguments->has_only_words) {
            KO_TRY(take_word(arguments, word, job, settings, err));
        } else if (add_print(print, word, arguments->verb)) {
            break;
        } else if (strcmp(word, "--") == 0) {
            arguments->has_only_words = true;
        } else if (is_dashed(word)) {
            KO_TRY(take_option(arguments, word + 2, job, settings, err));
        } else if (word[0] == '-' && word[1] != '\0') {
            (void) ko_fail(err, KO_E_OPTION, "unknown option '%s'", word);
            ko_hint(err, "options are written out with two dashes; 'keepone %s --help' lists them.",
                    ko_verb_info_of(arguments->verb)->name);
            goto done;
        } else {
            KO_TRY(take_word(arguments, word, job, settings, err));
        }
    }

done:
    return err->code;
}

enum ko_code
ko_job_parse_text(struct ko_slice yaml, const char *file_name, struct ko_job *job,
                  struct ko_error *err)
{
    struct ko_settings settings = {0};

    job->job_file = ko_arena_copy(job->arena, ko_slice_of(file_name), err).data;
    if (job->job_file == NULL)
        return err->code;
    KO_TRY(ko_job_file_read(yaml, job, &settings, err));
    KO_TRY(ko_settings_apply(job, &settings, err));
    KO_TRY(ko_job_check(job, err));

done:
    return err->code;
}

/* A job file that cannot be read is a bad job file, exit code 2, whatever the disk says. */
static enum ko_code
read_job_file(const char *path, struct ko_buf *yaml, struct ko_error *err)
{
    if (ko_path_is_remote(path)) {
        (void) ko_fail(err, KO_E_OPTION, "the job file '%s' is not on this machine", path);
        ko_hint(err, "copy it to a local file and name that.");
        return err->code;
    }
    (void) ko_file_read(path, JOB_FILE_BYTES_MAX, yaml, err);
    if (err->code == KO_E_IO || err->code == KO_E_CORRUPT) {
        err->code = KO_E_OPTION;
        ko_hint(err, "name a readable job file of at most %d KiB.", JOB_FILE_BYTES_MAX / 1024);
    }
    return err->code;
}

/* `run`, `policy`: their own options first, then the file, then what the command line changes. */
static enum ko_code
parse_run(struct ko_job *job, struct ko_settings *settings, struct ko_error *err)
{
    struct ko_settings of_file = {0};
    struct ko_settings of_job = {0};
    struct ko_setting *next;
    struct ko_buf yaml = {0};

    for (struct ko_setting *setting = settings->first; setting != NULL; setting = next) {
        const enum ko_option_id id = ko_option_find(setting->name);

        next = setting->next;
        setting->next = NULL;
        if (ko_option_belongs(id, job->verb)) {
            KO_TRY(ko_setting_apply(job, id, setting, err));
            continue;
        }
        if (of_job.last == NULL)
            of_job.first = setting;
        else
            of_job.last->next = setting;
        of_job.last = setting;
    }
    KO_TRY(ko_job_check(job, err));
    KO_TRY(read_job_file(job->job_file, &yaml, err));
    KO_TRY(ko_job_file_read(ko_buf_slice(&yaml), job, &of_file, err));
    KO_TRY(ko_settings_apply(job, &of_file, err));
    KO_TRY(ko_settings_apply(job, &of_job, err));

done:
    ko_buf_clear(&yaml);
    return err->code;
}

enum ko_code
ko_job_parse(int argc, char *const *argv, struct ko_job *job, struct ko_buf *print,
             struct ko_error *err)
{
    struct arguments arguments = {.n = argc, .words = argv, .at = 2};
    struct ko_settings settings = {0};

    if (argc < 2) {
        (void) ko_fail(err, KO_E_OPTION, "nothing to do");
        ko_hint(err, "'keepone --help' lists what keepone can do.");
        goto done;
    }
    if (add_print(print, argv[1], KO_VERB_COUNT))
        goto done;
    arguments.verb = ko_verb_find(ko_slice_of(argv[1]));
    if (arguments.verb == KO_VERB_COUNT) {
        (void) ko_verb_fail_unknown(ko_slice_of(argv[1]), err);
        goto done;
    }
    job->verb = arguments.verb;
    KO_TRY(take_arguments(&arguments, job, &settings, print, err));
    if (print->n > 0 || print->failed)
        goto done;
    job->prints_policy = arguments.verb == KO_VERB_POLICY;
    if (is_about_a_file(arguments.verb))
        KO_TRY(parse_run(job, &settings, err));
    else
        KO_TRY(ko_settings_apply(job, &settings, err));
    KO_TRY(ko_job_check(job, err));

done:
    if (print->failed)
        (void) ko_buf_finish(print, err);
    return err->code;
}
