#include "changes.h"

#include "keepone/base/clock.h"
#include "keepone/base/mem.h"
#include "keepone/store/export_chain.h"

enum ko_code
ko_changes_open(const struct ko_session *session, struct ko_search *search, struct ko_error *err)
{
    const struct ko_text_list *folders = &session->job.catch_up;

    if (folders->n == 0 || err->code != KO_OK)
        return err->code;
    search->changes = ko_alloc_array(folders->n, sizeof *search->changes, err);
    KO_TRY(err->code);
    for (; search->n_changes < folders->n; search->n_changes++)
        KO_TRY(ko_export_open(folders->texts[search->n_changes], KO_EXPORT_CHANGES,
                              &search->changes[search->n_changes], err));
    KO_TRY(ko_export_chain(search->export, search->changes, search->n_changes, err));

done:
    ko_context(err, "--catch-up");
    return err->code;
}

int64_t
ko_changes_until_s(const struct ko_search *search)
{
    const struct ko_export *last =
        search->n_changes == 0 ? search->export : search->changes[search->n_changes - 1];

    return last->until.us / 1000000;
}

void
ko_changes_add_identity(const struct ko_search *search, struct ko_buf *out)
{
    for (size_t i = 0; i < search->n_changes; i++) {
        const struct ko_export *changes = search->changes[i];

        ko_buf_add_text(out, changes->arn[0] != '\0' ? changes->arn : changes->folder);
        ko_buf_add_u64(out, (uint64_t) changes->from.us);
        ko_buf_add_u64(out, (uint64_t) changes->until.us);
        ko_buf_add_u64(out, changes->n_items);
    }
}

enum ko_code
ko_changes_catch_up(struct ko_session *session, struct ko_search *search,
                    struct ko_find_stats *stats, struct ko_error *err)
{
    struct ko_find_config *find = &search->find;
    const struct ko_catch_up_config config = {.rules = search->rules,
                                              .changes = search->changes,
                                              .n_changes = search->n_changes,
                                              .no_md5 = session->job.no_md5,
                                              .memory_bytes = find->memory_bytes,
                                              .spill_folder = search->spill_folder,
                                              .progress = &find->progress};
    const uint64_t began_us = ko_clock_us();

    KO_TRY(ko_catch_up_run(&config, session->world, &search->catch_up, &stats->catch_up, err));
    find->source = ko_source_of_catch_up(find->source, search->catch_up, find->n_claims, err);
    find->catch_up = search->catch_up;
    find->expected_items += stats->catch_up.n_images;
    find->memory_bytes -= ko_catch_up_bytes(search->catch_up);
    stats->catch_up_seconds = (double) (ko_clock_us() - began_us) / 1e6;

done:
    return err->code;
}

void
ko_changes_clear(struct ko_search *search)
{
    ko_catch_up_free(search->catch_up);
    for (size_t i = 0; i < search->n_changes; i++)
        ko_export_close(search->changes[i]);
    ko_free(search->changes);
}
