#include "keepone/job/options.h"

enum { NAME_BYTES_MAX = 40 };

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be changed, added, dropped or swapped with their neighbour. */
static size_t
distance(struct ko_slice a, struct ko_slice b)
{
    size_t rows[3][NAME_BYTES_MAX + 1];
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *row = rows[2];

    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *const spare = before;

        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            row[j] = smaller(last[j - 1] + (a.data[i - 1] != b.data[j - 1]),
                             1 + smaller(last[j], row[j - 1]));
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[b.n];
}

const char *
ko_suggest(struct ko_slice name, const char *const *names, size_t n)
{
    const char *closest = NULL;
    size_t closest_distance = name.n / 3 + 1;

    if (name.n < 2 || name.n > NAME_BYTES_MAX)
        return NULL;
    if (closest_distance < 2)
        closest_distance = 2; /* "less than this" is asked for: one mistake is always allowed */
    for (size_t i = 0; i < n; i++) {
        const struct ko_slice other = ko_slice_of(names[i]);
        size_t d;

        if (other.n > NAME_BYTES_MAX)
            continue;
        d = distance(name, other);
        if (d < closest_distance) {
            closest = names[i];
            closest_distance = d;
        }
    }
    return closest;
}

static enum ko_verb
first_verb(unsigned verbs)
{
    return (enum ko_verb) __builtin_ctz(verbs);
}

enum ko_code
ko_option_fail_unknown(struct ko_slice name, const char *dashes, enum ko_verb verb,
                       struct ko_error *err)
{
    const enum ko_option_id id = ko_option_find(name);
    const char *const verb_name = ko_verb_info_of(verb)->name;
    const char *names[KO_OPTION_COUNT];
    struct ko_slice bare = name;
    const char *closest;
    size_t n = 0;

    if (id != KO_OPTION_NONE) {
        const enum ko_verb owner = first_verb(ko_option_of(id)->verbs);

        (void) ko_fail(err, KO_E_OPTION, "'%s%.*s' is no option of '%s'", dashes,
                       KO_SLICE_ARG(name), verb_name);
        ko_hint(err, "it belongs to '%s'; 'keepone %s --help' lists what '%s' takes.",
                ko_verb_info_of(owner)->name, verb_name, verb_name);
        return err->code;
    }
    for (unsigned other = 0; other < KO_OPTION_COUNT; other++) {
        /* a `run` may be given the options of any verb */
        if (verb == KO_VERB_RUN || verb == KO_VERB_POLICY ||
            ko_option_belongs((enum ko_option_id) other, verb))
            names[n++] = ko_option_of((enum ko_option_id) other)->name;
    }
    while (bare.n > 0 && bare.data[0] == '-') { /* of a name with dashes in a job file */
        bare.data++;
        bare.n--;
    }
    closest = ko_suggest(bare, names, n);
    (void) ko_fail(err, KO_E_OPTION, "unknown option '%s%.*s'", dashes, KO_SLICE_ARG(name));
    if (closest != NULL)
        ko_hint(err, "did you mean '%s%s'? 'keepone %s --help' lists the options.", dashes, closest,
                verb_name);
    else
        ko_hint(err, "'keepone %s --help' lists the options.", verb_name);
    return err->code;
}

enum ko_code
ko_verb_fail_unknown(struct ko_slice name, struct ko_error *err)
{
    const char *names[KO_VERB_COUNT];
    const char *closest;

    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++)
        names[verb] = ko_verb_info_of((enum ko_verb) verb)->name;
    closest = ko_suggest(name, names, KO_VERB_COUNT);
    (void) ko_fail(err, KO_E_OPTION, "unknown verb '%.*s'", KO_SLICE_ARG(name));
    if (closest != NULL)
        ko_hint(err, "did you mean '%s'? 'keepone --help' lists the verbs.", closest);
    else
        ko_hint(err, "'keepone --help' lists the verbs.");
    return err->code;
}
