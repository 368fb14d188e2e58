#include "keepone/base/mem.h"
#include "keepone/format/digest.h"
#include "keepone/store/scratch.h"
#include "sorter_priv.h"

/* Blocks are not compressed: that took longer than writing and reading all of a spill. */
enum { SUM_OFFSET = 4, BLOCK_HEAD_BYTES = SUM_OFFSET + 8 };

enum ko_code
ko_sorter_spill_open(const char *folder, size_t block_bytes, struct ko_sorter_memory *memory,
                     struct ko_sorter_spill **spill_out, struct ko_error *err)
{
    struct ko_sorter_spill *spill = ko_alloc(sizeof *spill, err);

    *spill_out = NULL;
    if (spill == NULL)
        return err->code;
    spill->block_bytes = block_bytes;
    spill->memory = memory;
    KO_TRY(ko_scratch_open(folder, &spill->file, err));
    *spill_out = spill;
    spill = NULL;

done:
    ko_sorter_spill_close(spill);
    return err->code;
}

void
ko_sorter_spill_close(struct ko_sorter_spill *spill)
{
    if (spill == NULL)
        return;
    ko_scratch_close(spill->file);
    ko_buf_clear(&spill->block);
    ko_free(spill->runs);
    ko_free(spill);
}

static enum ko_code
write_block(struct ko_sorter_spill *spill, struct ko_error *err)
{
    struct ko_slice records = ko_buf_slice(&spill->block);

    if (records.n <= BLOCK_HEAD_BYTES)
        return KO_OK;
    records.data += BLOCK_HEAD_BYTES;
    records.n -= BLOCK_HEAD_BYTES;
    ko_write_u32(spill->block.data, (uint32_t) records.n);
    ko_write_u64(spill->block.data + SUM_OFFSET, ko_fingerprint(records));
    KO_TRY(ko_scratch_add(spill->file, ko_buf_slice(&spill->block), err));
    ko_buf_reset(&spill->block);

done:
    return err->code;
}

enum ko_code
ko_sorter_spill_add(struct ko_sorter_spill *spill, uint64_t prefix, struct ko_slice record,
                    struct ko_error *err)
{
    static const char no_head[BLOCK_HEAD_BYTES];
    struct ko_buf *block = &spill->block;

    if (record.n > UINT32_MAX / 2)
        return ko_fail(err, KO_E_MEMORY, "a record of %zu bytes is too large to spill", record.n);
    if (block->n + KO_SORTER_HEAD_BYTES + record.n > spill->block_bytes)
        KO_TRY(write_block(spill, err));
    if (block->n == 0)
        ko_buf_add(block, no_head, sizeof no_head);
    ko_buf_add_u64(block, prefix);
    ko_buf_add_u32(block, (uint32_t) record.n);
    ko_buf_add_slice(block, record);
    KO_TRY(ko_buf_finish(block, err));

done:
    return err->code;
}

enum ko_code
ko_sorter_spill_end_run(struct ko_sorter_spill *spill, struct ko_error *err)
{
    struct ko_sorter_run *moved;

    KO_TRY(write_block(spill, err));
    moved = ko_realloc(spill->runs, (spill->n_runs + 1) * sizeof *moved, err);
    if (moved == NULL)
        return err->code;
    spill->runs = moved;
    spill->runs[spill->n_runs++] = (struct ko_sorter_run){
        .offset = spill->run_offset, .end_offset = ko_scratch_bytes(spill->file)};
    spill->run_offset = ko_scratch_bytes(spill->file);

done:
    return err->code;
}

static enum ko_code
read_block(struct ko_sorter_spill *spill, struct ko_sorter_run_reader *reader, struct ko_error *err)
{
    char head[BLOCK_HEAD_BYTES];

    KO_TRY(ko_scratch_read(spill->file, reader->left.offset, head, sizeof head, err));
    reader->left.offset += sizeof head;
    reader->n = ko_read_u32(head);
    reader->next = 0;
    if (reader->n > reader->left.end_offset - reader->left.offset)
        KO_TRY(ko_scratch_fail_changed(spill->file, err));
    if (reader->n > reader->capacity) {
        void *memory = reader->block;

        KO_TRY(ko_sorter_memory_resize(spill->memory, &memory, reader->capacity, reader->n, err));
        reader->block = memory;
        reader->capacity = reader->n;
    }
    KO_TRY(ko_scratch_read(spill->file, reader->left.offset, reader->block, reader->n, err));
    reader->left.offset += reader->n;
    if (ko_fingerprint((struct ko_slice){reader->block, reader->n}) !=
        ko_read_u64(head + SUM_OFFSET))
        KO_TRY(ko_scratch_fail_changed(spill->file, err));

done:
    return err->code;
}

enum ko_code
ko_sorter_spill_read(struct ko_sorter_spill *spill, struct ko_sorter_run_reader *reader,
                     struct ko_error *err)
{
    const char *at;

    reader->record = (struct ko_slice){NULL, 0};
    if (reader->next == reader->n) {
        if (reader->left.offset == reader->left.end_offset)
            return KO_OK;
        KO_TRY(read_block(spill, reader, err));
    }
    /* The block's sum was right, so these are the bytes that _add put there. */
    at = reader->block + reader->next;
    reader->prefix = ko_read_u64(at);
    reader->record = ko_sorter_record(at + 8);
    reader->next += KO_SORTER_HEAD_BYTES + reader->record.n;
    KO_ASSERT(reader->next <= reader->n);

done:
    return err->code;
}
