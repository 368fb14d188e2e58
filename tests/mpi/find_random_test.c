/*
 * Find against a model: random small data sets with traps, decided a second time by comparing
 * every item with every other one.  The model knows the traps by number; it parses nothing.
 */
#include "support/trial.h"

enum {
    ITEMS_MAX = 240,
    AS_OF_S = 100,
    SEEDS = 50,
    SEEDS_ON_MANY_RANKS = 20,
    MEMORY_BYTES = 6 * 1024 * 1024
};

/* ---- what items are made of ---- */

/* A way to write a key.  Equal classes are equal keys, class 0 is none; equal raws are equal
 * values. */
struct key_form {
    const char *text;
    int class;
    int raw;
};

static const struct key_form key_forms[] = {
    {" k=x", 1, 1},     {" k=\\u0078", 1, 1}, {" k=x\\u0020", 1, 2},         {" k=#1", 2, 3},
    {" k=#1.00", 2, 3}, {" k=1", 3, 4},       {" k={\"B\":\"MQ==\"}", 4, 5}, {" k=\\\"1\\\"", 5, 6},
    {" k=~", 0, 7},     {" k=", 0, 8},        {" k=\\u0020", 0, 9},          {"", 0, 10},
};

enum { N_KEY_FORMS = sizeof key_forms / sizeof key_forms[0], FIRST_PLAIN_CLASS = 100 };

/* A way to write a time: as a time, and as a plain value of a type. */
struct time_form {
    const char *text;
    int raw;
    bool is_time;
    int seconds;
    char type; /* in the order of types: 'N', 'S', or 'Z' for neither */
    int rank;  /* within the type */
};

static const struct time_form time_forms[] = {
    {" t=#5", 1, true, 5, 'N', 5},
    {" t=#5.0", 1, true, 5, 'N', 5},
    {" t=#50e-1", 1, true, 5, 'N', 5},
    {" t=1970-01-01T00:00:05Z", 2, true, 5, 'S', 2},
    {" t=1970-01-01T02:00:05+02:00", 3, true, 5, 'S', 4},
    {" t=1970-01-01T00:00:07", 4, true, 7, 'S', 3},
    {" t=#6", 5, true, 6, 'N', 6},
    {" t=#-1", 6, true, -1, 'N', -1},
    {" t=1969-12-31T23:59:59Z", 7, true, -1, 'S', 1},
    {" t=soon", 8, false, 0, 'S', 5},
    {" t=1970-02-30", 9, false, 0, 'S', 4},
    {" t=~", 10, false, 0, 'Z', 0},
    {"", 11, false, 0, 'Z', 0},
};

enum { N_TIME_FORMS = sizeof time_forms / sizeof time_forms[0] };

/* Time forms 4 and 10 share a rank: '1970-01-01...' and '1970-02-30' are told apart here. */
static int
rank_of(const struct time_form *form)
{
    return form->raw == 9 ? 45 : form->rank * 10;
}

enum rule { RULE_OLDEST, RULE_NEWEST, RULE_MIN, RULE_MAX, RULE_HAS, RULE_NONE };

struct rule_set {
    const char *keep;
    enum rule rules[2];
    bool any;
};

static const struct rule_set rule_sets[] = {
    {"oldest:t", {RULE_OLDEST, RULE_NONE}, false},
    {"newest:t", {RULE_NEWEST, RULE_NONE}, false},
    {"oldest:t,any", {RULE_OLDEST, RULE_NONE}, true},
    {"min:t", {RULE_MIN, RULE_NONE}, false},
    {"max:t,any", {RULE_MAX, RULE_NONE}, true},
    {"has:p,newest:t", {RULE_HAS, RULE_NEWEST}, false},
    {"any", {RULE_NONE, RULE_NONE}, true},
};

enum { N_RULE_SETS = sizeof rule_sets / sizeof rule_sets[0] };

struct item {
    int pk;
    int class;
    int key_raw;
    const struct time_form *time;
    int p;         /* 0 = none */
    int expires_s; /* 0 = never */
};

struct model {
    uint64_t random;
    const struct rule_set *rules;
    bool has_same;
    bool has_ttl;
    uint64_t max_group;
    struct item items[ITEMS_MAX];
    int n_items;
    struct ko_counts counts;
    struct words plan;
    struct words review;
};

static int
roll(struct model *model, int bound)
{
    model->random = model->random * 6364136223846793005U + 1442695040888963407U;
    return (int) ((model->random >> 33) % (uint64_t) bound);
}

static void
make_key(struct model *model, struct item *item, int n_classes, struct ko_buf *lines)
{
    const int choice = roll(model, 100);
    const struct key_form *form = &key_forms[roll(model, N_KEY_FORMS)];

    if (choice < 30) {
        item->class = form->class;
        item->key_raw = form->raw;
        ko_buf_add_text(lines, form->text);
        return;
    }
    item->class = FIRST_PLAIN_CLASS + (choice < 40 ? 0 : roll(model, n_classes));
    item->key_raw = item->class;
    ko_buf_add_format(lines, " k=z%d", item->class);
}

/* One item as a line; now and then it is one met before, in whole or by its primary key. */
static void
make_item(struct model *model, int n_classes, bool has_repeats, struct ko_buf *lines)
{
    static const int expiries[] = {0, 0, 50, 60, 100, 200};
    const int index = model->n_items++;
    struct item *item = &model->items[index];

    *item = (struct item){.pk = index, .time = &time_forms[roll(model, N_TIME_FORMS)]};
    if (has_repeats && index > 0 && roll(model, 20) == 0)
        item->pk = roll(model, index);
    ko_buf_add_format(lines, "p%03d", item->pk);
    make_key(model, item, n_classes, lines);
    item->p = roll(model, 12) % 11 / 9 + roll(model, 20) % 19 / 18;
    item->expires_s = expiries[roll(model, 6)];
    ko_buf_add_text(lines, item->time->text);
    if (item->p > 0)
        ko_buf_add_format(lines, " p=%d", item->p);
    if (item->expires_s > 0)
        ko_buf_add_format(lines, " e=#%d", item->expires_s);
    ko_buf_add_char(lines, '\n');
}

/* The item before, once more, word for word. */
static void
repeat_item(struct model *model, size_t line_start, struct ko_buf *lines)
{
    const size_t n = lines->n - line_start;
    char line[160];

    if (model->n_items == ITEMS_MAX || n > sizeof line)
        return;
    memcpy(line, lines->data + line_start, n);
    ko_buf_add(lines, line, n);
    model->items[model->n_items] = model->items[model->n_items - 1];
    model->n_items++;
}

static void
make_items(struct model *model, struct ko_buf *lines)
{
    const int n_items = 1 + roll(model, ITEMS_MAX);
    const int n_classes = 1 + roll(model, 60);
    const bool has_repeats = roll(model, 2) == 0;

    /* Every attribute must be there at least once. */
    model->items[0] = (struct item){
        .pk = 999, .class = 99, .key_raw = 99, .time = &time_forms[0], .p = 3, .expires_s = 200};
    ko_buf_add_text(lines, "p999 k=first t=#5 p=3 e=#200\n");
    model->n_items = 1;
    while (model->n_items < n_items && !lines->failed) {
        const size_t line_start = lines->n;

        make_item(model, n_classes, has_repeats, lines);
        if (has_repeats && roll(model, 20) == 0)
            repeat_item(model, line_start, lines);
    }
    ko_buf_add_char(lines, '\0');
}

/* ---- the model ---- */

static bool
is_time_looked_at(const struct model *model)
{
    return model->rules->rules[0] != RULE_NONE;
}

static bool
is_p_looked_at(const struct model *model)
{
    return model->has_same || model->rules->rules[0] == RULE_HAS;
}

/* Of one primary key and alike in all that is looked at. */
static bool
is_same_item(const struct model *model, const struct item *a, const struct item *b)
{
    return a->pk == b->pk && a->key_raw == b->key_raw &&
           (!is_time_looked_at(model) || a->time->raw == b->time->raw) &&
           (!is_p_looked_at(model) || a->p == b->p) &&
           (!model->has_ttl || a->expires_s == b->expires_s);
}

static bool
is_expired(const struct model *model, const struct item *item)
{
    return model->has_ttl && item->expires_s != 0 && item->expires_s < AS_OF_S;
}

/* 'Z' = not usable; else a letter that must be alike within a group. */
static char
kind_of(enum rule rule, const struct item *item)
{
    if (rule == RULE_HAS || rule == RULE_NONE)
        return 'b';
    if (rule == RULE_OLDEST || rule == RULE_NEWEST)
        return item->time->is_time ? 't' : 'Z';
    return item->time->type;
}

/* Smaller is better; both are usable. */
static int
compare_by(enum rule rule, const struct item *a, const struct item *b)
{
    const int by_rank = rank_of(a->time) - rank_of(b->time);
    const int by_type = a->time->type - b->time->type;

    switch (rule) {
    case RULE_OLDEST:
        return a->time->seconds - b->time->seconds;
    case RULE_NEWEST:
        return b->time->seconds - a->time->seconds;
    case RULE_MIN:
        return by_type != 0 ? by_type : by_rank;
    case RULE_MAX:
        return by_type != 0 ? -by_type : -by_rank;
    case RULE_HAS:
        return (a->p == 0) - (b->p == 0);
    case RULE_NONE:
        break;
    }
    return 0;
}

static int
compare_items(const struct model *model, const struct item *a, const struct item *b)
{
    int order = is_expired(model, a) - is_expired(model, b);

    for (int i = 0; i < 2 && order == 0; i++) {
        const enum rule rule = model->rules->rules[i];
        const bool usable_a = kind_of(rule, a) != 'Z';
        const bool usable_b = kind_of(rule, b) != 'Z';

        order = usable_b - usable_a;
        if (order == 0 && usable_a)
            order = compare_by(rule, a, b);
    }
    return order != 0 ? order : a->pk - b->pk;
}

/* Distinct items of a class in order: returns their number, *n_folded the others'. */
static int
members_of(const struct model *model, int class, const struct item *members[ITEMS_MAX],
           int *n_folded)
{
    int n = 0;

    *n_folded = 0;
    for (int i = 0; i < model->n_items; i++) {
        const struct item *item = &model->items[i];
        bool is_new = item->class == class;
        int at = n;

        for (int k = 0; k < n && is_new; k++)
            is_new = !is_same_item(model, members[k], item);
        *n_folded += item->class == class && !is_new;
        if (!is_new)
            continue;
        for (; at > 0 && compare_items(model, item, members[at - 1]) < 0; at--)
            members[at] = members[at - 1];
        members[at] = item;
        n++;
    }
    return n;
}

/* Is the primary key met with another content in a group of two or more? */
static bool
is_in_conflict(const struct model *model, const struct item *item)
{
    for (int i = 0; i < model->n_items; i++) {
        const struct item *other = &model->items[i];
        const struct item *members[ITEMS_MAX];
        int n_folded;

        if (other->pk == item->pk && other->class != 0 && !is_same_item(model, item, other) &&
            members_of(model, other->class, members, &n_folded) > 1)
            return true;
    }
    return false;
}

static int
expiry_of(const struct item *item)
{
    return item->expires_s == 0 ? INT32_MAX : item->expires_s;
}

static bool
has_mixed_types(const struct model *model, const struct item *keeper, const struct item *loser)
{
    for (int i = 0; i < 2; i++) {
        const char a = kind_of(model->rules->rules[i], keeper);
        const char b = kind_of(model->rules->rules[i], loser);

        if (a != 'Z' && b != 'Z' && a != b)
            return true;
    }
    return false;
}

/* The first reason that holds, or NULL. */
static const char *
doubt_about(const struct model *model, const struct item *const *members, int n)
{
    const struct item *keeper = members[0];
    bool mixed = false;
    bool differs = false;
    bool outlives = false;

    for (int i = 0; i < n; i++)
        if (is_in_conflict(model, members[i]))
            return "primary_key";
    for (int i = 1; i < n; i++) {
        mixed |= has_mixed_types(model, keeper, members[i]);
        differs |= model->has_same && members[i]->p != keeper->p;
        outlives |= model->has_ttl && expiry_of(keeper) < expiry_of(members[i]);
    }
    if (model->max_group != 0 && (uint64_t) n > model->max_group)
        return "max_group";
    if (is_expired(model, keeper))
        return "expired";
    if (!model->rules->any && kind_of(model->rules->rules[0], keeper) == 'Z')
        return "unusable";
    if (mixed)
        return "mixed_types";
    return differs ? "same" : outlives ? "ttl" : NULL;
}

static void
decide_group(struct model *model, const struct item *const *members, int n, struct ko_error *err)
{
    const char *doubt = doubt_about(model, members, n);
    struct ko_buf word = {0};

    if (doubt == NULL) {
        model->counts.keepers++;
        model->counts.planned += (uint64_t) n - 1;
        for (int i = 1; i < n; i++) {
            ko_buf_reset(&word);
            ko_buf_add_format(&word, "p%03d>p%03d", members[i]->pk, members[0]->pk);
            add_word(&model->plan, ko_buf_slice(&word), err);
        }
    } else {
        model->counts.review += (uint64_t) n;
        model->counts.review_groups++;
        ko_buf_add_format(&word, "%s(", doubt);
        for (int i = 0; i < n; i++)
            ko_buf_add_format(&word, "%sp%03d", i == 0 ? "" : " ", members[i]->pk);
        ko_buf_add_char(&word, ')');
        add_word(&model->review, ko_buf_slice(&word), err);
    }
    ko_buf_clear(&word);
}

static void
decide(struct model *model, struct ko_error *err)
{
    model->counts.read = (uint64_t) model->n_items;
    for (int i = 0; i < model->n_items; i++) {
        const int class = model->items[i].class;
        const struct item *members[ITEMS_MAX];
        bool is_first = true;
        int n_folded;
        int n;

        for (int k = 0; k < i; k++)
            is_first &= model->items[k].class != class;
        model->counts.missing += class == 0;
        if (class == 0 || !is_first)
            continue;
        n = members_of(model, class, members, &n_folded);
        model->counts.folded += (uint64_t) n_folded;
        if (n == 1)
            model->counts.unique++;
        else
            decide_group(model, members, n, err);
    }
}

/* ---- comparing ---- */

static void
compare_with_model(struct model *model, const struct outcome *outcome, struct ko_error *err)
{
    struct ko_buf texts[3] = {{0}};

    decide(model, err);
    join_words(&model->plan, &texts[0]);
    join_words(&model->review, &texts[1]);
    add_counts(&texts[2], &model->counts);
    for (int i = 0; i < 3; i++)
        ko_buf_add_char(&texts[i], '\0');
    CHECK_OK(outcome->error);
    CHECK_SLICE(ko_buf_slice(&outcome->plan), texts[0].data);
    CHECK_SLICE(ko_buf_slice(&outcome->review), texts[1].data);
    CHECK_SLICE(ko_buf_slice(&outcome->counts), texts[2].data);
    for (int i = 0; i < 3; i++)
        ko_buf_clear(&texts[i]);
}

static void
try_seed(struct ko_world *world, uint64_t seed, struct ko_error *err)
{
    static struct model model;
    struct ko_buf lines = {0};
    struct trial trial = {.key = "k:trim", .as_of_s = AS_OF_S};
    struct outcome outcome;

    model = (struct model){.random = seed * 0x9e3779b97f4a7c15U};
    model.rules = &rule_sets[roll(&model, N_RULE_SETS)];
    model.has_same = roll(&model, 2) == 0;
    model.has_ttl = roll(&model, 3) == 0;
    model.max_group = roll(&model, 3) == 0 ? 5 : 0;
    make_items(&model, &lines);
    CHECK(ko_buf_finish(&lines, err) == KO_OK);
    trial.keep = model.rules->keep;
    trial.same = model.has_same ? "p" : NULL;
    trial.ttl = model.has_ttl ? "e" : NULL;
    trial.max_group = model.max_group;
    trial.items = lines.data;
    trial.n_claims = 1 + (uint64_t) roll(&model, 9);
    trial.is_reversed = roll(&model, 2) == 0;
    trial.is_unlogged = trial.n_claims <= 3 && roll(&model, 2) == 0;
    trial.memory_bytes = MEMORY_BYTES;
    (void) run_trial(world, &trial, &outcome, err);
    compare_with_model(&model, &outcome, err);
    clear_outcome(&outcome);
    ko_buf_clear(&lines);
    if (err->code != KO_OK)
        ko_context(err, "seed %llu", (unsigned long long) seed);
}

static void
try_seeds(struct ko_world *world, uint64_t first, struct ko_error *err)
{
    const uint64_t n = ko_world_size(world) <= 3 ? SEEDS : SEEDS_ON_MANY_RANKS;

    for (uint64_t i = 0; i < n && err->code == KO_OK; i++)
        try_seed(world, first + i, err);
}

static void
random_data_is_decided_as_the_model_does_1(struct ko_world *world, struct ko_error *err)
{
    try_seeds(world, 1, err);
}

static void
random_data_is_decided_as_the_model_does_2(struct ko_world *world, struct ko_error *err)
{
    try_seeds(world, 1001, err);
}

static void
random_data_is_decided_as_the_model_does_3(struct ko_world *world, struct ko_error *err)
{
    try_seeds(world, 2001, err);
}

static void
random_data_is_decided_as_the_model_does_4(struct ko_world *world, struct ko_error *err)
{
    try_seeds(world, 3001, err);
}

CASES = {
    CASE(random_data_is_decided_as_the_model_does_1),
    CASE(random_data_is_decided_as_the_model_does_2),
    CASE(random_data_is_decided_as_the_model_does_3),
    CASE(random_data_is_decided_as_the_model_does_4),
};
RUN_CASES
