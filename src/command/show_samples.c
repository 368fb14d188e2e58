/* Sample groups, read again from the plan: keeper and losers side by side. */
#include "keepone/base/mem.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"
#include "show.h"

enum {
    LOSERS_MAX = 2,
    SIDES_MAX = 1 + LOSERS_MAX,
    ROWS_MAX = KO_LOOKED_MAX + 2,
    NAME_WIDTH_MAX = 24,
    MARK = 4, /* the columns before the names */
    GAP = 2   /* between columns */
};

/* A text in the sheet's buffer, which may move while it grows. */
struct cell {
    size_t offset;
    size_t n;
};

/* A group as it is gathered from its lines: one row per attribute, one side per item. */
struct sheet {
    struct ko_buf text;
    struct ko_buf key;
    struct cell names[ROWS_MAX];
    struct cell cells[ROWS_MAX][SIDES_MAX]; /* side 0 is the keeper */
    size_t n_primary;                       /* rows of the primary key: they come first */
    size_t n_rows;
    size_t n_sides;
    uint64_t n_losers; /* also those beyond LOSERS_MAX */
};

static struct ko_slice
text_of(const struct sheet *sheet, struct cell cell)
{
    return (struct ko_slice){sheet->text.data + cell.offset, cell.n};
}

/* ---- gathering ---- */

static struct cell
add_text(struct sheet *sheet, struct ko_slice text)
{
    const struct cell cell = {sheet->text.n, text.n};

    ko_buf_add_slice(&sheet->text, text);
    return cell;
}

/* A value as people read it: "a text" in its quotes, a number without; others as in the plan. */
static enum ko_code
add_value(struct sheet *sheet, struct ko_slice value, struct cell *cell, struct ko_error *err)
{
    enum ko_value_type type;
    struct ko_slice content;

    if (value.data[0] != '{') {
        *cell = add_text(sheet, KO_SLICE("-"));
        return err->code;
    }
    KO_TRY(ko_value_open(value, &type, &content, err));
    if (type == KO_VALUE_S || type == KO_VALUE_BOOL)
        *cell = add_text(sheet, content);
    else if (type == KO_VALUE_N)
        *cell = add_text(sheet, (struct ko_slice){content.data + 1, content.n - 2});
    else
        *cell = add_text(sheet, value);

done:
    return err->code;
}

/* One side's primary key or `seen`; the first side names the rows. */
static enum ko_code
add_rows(struct sheet *sheet, size_t first_row, struct ko_slice object, size_t *end_row,
         struct ko_error *err)
{
    const size_t side = sheet->n_sides;
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice value;

    KO_TRY(ko_json_enter(object, &cursor, err));
    for (*end_row = first_row;; ++*end_row) {
        KO_TRY(ko_json_next(&cursor, &name, &value, err));
        if (value.data == NULL)
            break;
        if (*end_row == ROWS_MAX || (side > 0 && *end_row == sheet->n_rows))
            return ko_fail(err, KO_E_CORRUPT, "a plan line has too many attributes");
        if (side == 0)
            sheet->names[*end_row] = add_text(sheet, name);
        KO_TRY(add_value(sheet, value, &sheet->cells[*end_row][side], err));
    }

done:
    return err->code;
}

static enum ko_code
add_side(struct sheet *sheet, struct ko_slice primary_key, struct ko_slice seen,
         struct ko_error *err)
{
    size_t n_primary;
    size_t n_rows;

    KO_TRY(add_rows(sheet, 0, primary_key, &n_primary, err));
    KO_TRY(add_rows(sheet, n_primary, seen, &n_rows, err));
    if (sheet->n_sides > 0 && (n_primary != sheet->n_primary || n_rows != sheet->n_rows))
        return ko_fail(err, KO_E_CORRUPT, "the plan lines of a group have other attributes");
    sheet->n_primary = n_primary;
    sheet->n_rows = n_rows;
    sheet->n_sides++;
    KO_TRY(ko_buf_finish(&sheet->text, err));

done:
    return err->code;
}

static enum ko_code
begin_sheet(struct sheet *sheet, const struct ko_plan_line *line, struct ko_error *err)
{
    ko_buf_reset(&sheet->text);
    ko_buf_reset(&sheet->key);
    ko_buf_add_slice(&sheet->key, line->key);
    sheet->n_sides = 0;
    sheet->n_losers = 0;
    KO_TRY(ko_buf_finish(&sheet->key, err));
    KO_TRY(add_side(sheet, line->keep_primary_key, line->keep_seen, err));

done:
    return err->code;
}

static enum ko_code
add_loser(struct sheet *sheet, const struct ko_plan_line *line, struct ko_error *err)
{
    if (sheet->n_losers++ < LOSERS_MAX)
        (void) add_side(sheet, line->delete_primary_key, line->delete_seen, err);
    return err->code;
}

/* ---- printing ---- */

struct layout {
    size_t name_width;
    size_t widths[SIDES_MAX];
};

static size_t
larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Columns as wide as their texts, but all of them within the width of the page. */
static struct layout
lay_out(const struct sheet *sheet)
{
    struct layout layout = {0};
    size_t limit; /* at least 22, for three sides and the longest names */

    for (size_t row = 0; row < sheet->n_rows; row++)
        layout.name_width =
            larger(layout.name_width, ko_show_width(text_of(sheet, sheet->names[row])));
    if (layout.name_width > NAME_WIDTH_MAX)
        layout.name_width = NAME_WIDTH_MAX;
    limit = (KO_SHOW_COLUMNS - MARK - layout.name_width) / sheet->n_sides - GAP;
    for (size_t side = 0; side < sheet->n_sides; side++) {
        layout.widths[side] = strlen("delete");
        for (size_t row = 0; row < sheet->n_rows; row++)
            layout.widths[side] =
                larger(layout.widths[side], ko_show_width(text_of(sheet, sheet->cells[row][side])));
        if (layout.widths[side] > limit)
            layout.widths[side] = limit;
    }
    return layout;
}

/* How many characters all sides of a row start with; *is_equal if they are all the same. */
static size_t
compare_sides(const struct sheet *sheet, size_t row, bool *is_equal)
{
    const struct ko_slice keeper = text_of(sheet, sheet->cells[row][0]);
    size_t n_common = ko_show_width(keeper);

    *is_equal = true;
    for (size_t side = 1; side < sheet->n_sides; side++) {
        const struct ko_slice loser = text_of(sheet, sheet->cells[row][side]);
        const size_t n = ko_show_common_width(keeper, loser);

        *is_equal = *is_equal && ko_slice_equal(keeper, loser);
        n_common = n < n_common ? n : n_common;
    }
    return n_common;
}

static void
add_titles(struct ko_buf *out, const struct sheet *sheet, const struct layout *layout)
{
    ko_buf_add_format(out, "%*s", MARK + (int) layout->name_width, "");
    for (size_t side = 0; side < sheet->n_sides; side++)
        ko_buf_add_format(out, "%*s%-*s", GAP, "",
                          side + 1 < sheet->n_sides ? (int) layout->widths[side] : 0,
                          side == 0 ? "keep" : "delete");
    ko_buf_add_char(out, '\n');
}

static void
add_row(struct ko_buf *out, const struct sheet *sheet, const struct layout *layout, size_t row)
{
    size_t n_spaces = GAP;
    bool is_equal;
    const size_t n_common = compare_sides(sheet, row, &is_equal);

    ko_buf_add_text(out, is_equal || row < sheet->n_primary ? "    " : "  * ");
    ko_show_add_padded(out, text_of(sheet, sheet->names[row]), layout->name_width);
    for (size_t side = 0; side < sheet->n_sides; side++) {
        const struct ko_slice text = text_of(sheet, sheet->cells[row][side]);
        const size_t n = ko_show_width(text);

        ko_buf_add_format(out, "%*s", (int) n_spaces, "");
        ko_show_add_short(out, text, layout->widths[side], n_common);
        n_spaces = GAP + (n < layout->widths[side] ? layout->widths[side] - n : 0);
    }
    ko_buf_add_char(out, '\n');
}

static void
add_sheet(struct ko_buf *out, const struct sheet *sheet, uint64_t group_number)
{
    const struct layout layout = lay_out(sheet);

    ko_buf_add_text(out, "  group ");
    ko_show_add_count(out, group_number, 0);
    ko_buf_add_text(out, ": ");
    ko_show_add_short(out, ko_buf_slice(&sheet->key), KO_SHOW_COLUMNS - 18, 0);
    ko_buf_add_char(out, '\n');
    add_titles(out, sheet, &layout);
    for (size_t row = 0; row < sheet->n_rows; row++)
        add_row(out, sheet, &layout, row);
    if (sheet->n_losers > LOSERS_MAX) {
        ko_buf_add_text(out, "    and ");
        ko_show_add_count(out, sheet->n_losers - LOSERS_MAX, 0);
        ko_buf_add_text(out, " more to delete\n");
    }
}

/* ---- reading the places again ---- */

/* The samples of one part, in order. */
static enum ko_code
add_samples_of_part(struct ko_show *show, struct sheet *sheet, const struct ko_survey_place *places,
                    size_t n_places, struct ko_buf *out, struct ko_error *err)
{
    const struct ko_plan_part *part = ko_plan_manifest_find(show->manifest, places[0].part);
    struct ko_plan_reader *reader = NULL;
    struct ko_plan_line line;
    size_t n_done = 0;
    bool is_open = false;

    KO_ASSERT(part != NULL);
    KO_TRY(ko_plan_reader_open(show->run->dir, show->run->plan_name.data, part, &reader, err));
    while (n_done < n_places) {
        KO_TRY(ko_plan_reader_next(reader, &line, err));
        if (is_open &&
            (line.text.data == NULL || !ko_slice_equal(line.key, ko_buf_slice(&sheet->key)))) {
            add_sheet(out, sheet, places[n_done].group_index + 1);
            n_done++;
            is_open = false;
        }
        if (line.text.data == NULL || n_done == n_places)
            break;
        if (!is_open && line.line_number == places[n_done].line) {
            KO_TRY(begin_sheet(sheet, &line, err));
            is_open = true;
        }
        if (is_open)
            KO_TRY(add_loser(sheet, &line, err));
    }

done:
    ko_plan_reader_close(reader);
    return err->code;
}

enum ko_code
ko_show_add_samples(struct ko_show *show, struct ko_buf *out, struct ko_error *err)
{
    const struct ko_survey_place *places = show->survey->samples;
    const size_t n_places = show->survey->n_samples;
    struct sheet *sheet = ko_alloc(sizeof *sheet, err);
    size_t n_of_part = 0;

    if (sheet == NULL)
        return err->code;
    for (size_t i = 0; i < n_places; i += n_of_part) {
        for (n_of_part = 1; i + n_of_part < n_places; n_of_part++) {
            if (places[i + n_of_part].part != places[i].part)
                break;
        }
        if (i > 0)
            ko_buf_add_char(out, '\n');
        KO_TRY(add_samples_of_part(show, sheet, &places[i], n_of_part, out, err));
    }

done:
    ko_buf_clear(&sheet->text);
    ko_buf_clear(&sheet->key);
    ko_free(sheet);
    return err->code;
}
