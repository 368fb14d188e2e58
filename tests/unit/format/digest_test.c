#include "keepone/format/digest.h"

#include "support/test.h"

/* The digest of `text`, added byte by byte, in hex. */
static const char *
digest_of(enum ko_digest_kind kind, const char *text)
{
    static char hex[KO_SHA256_HEX_BYTES];
    unsigned char bytes[KO_DIGEST_BYTES_MAX];
    struct ko_error err = {0};
    struct ko_digest *digest = ko_digest_new(kind, &err);

    CHECK_OK(err);
    for (const char *at = text; *at != '\0'; at++)
        ko_digest_add(digest, (struct ko_slice){at, 1});
    ko_digest_end(digest, bytes);
    ko_hex(bytes, kind == KO_MD5 ? KO_MD5_BYTES : KO_SHA256_BYTES, hex);
    ko_digest_free(digest);
    return hex;
}

static void
sha256_and_md5_agree_with_published_vectors(void)
{
    /* FIPS 180-2 and RFC 1321 */
    CHECK_TEXT(digest_of(KO_SHA256, "abc"),
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_TEXT(digest_of(KO_SHA256, ""),
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_TEXT(digest_of(KO_MD5, "message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    CHECK_TEXT(digest_of(KO_MD5, ""), "d41d8cd98f00b204e9800998ecf8427e");
}

static void
a_digest_is_as_new_after_its_end(void)
{
    unsigned char first[KO_DIGEST_BYTES_MAX];
    unsigned char second[KO_DIGEST_BYTES_MAX];
    struct ko_error err = {0};
    struct ko_digest *digest = ko_digest_new(KO_SHA256, &err);

    CHECK_OK(err);
    ko_digest_add(digest, KO_SLICE("abc"));
    ko_digest_end(digest, first);
    ko_digest_add(digest, KO_SLICE("abc"));
    ko_digest_end(digest, second);
    assert_memory_equal(first, second, KO_SHA256_BYTES);
    ko_digest_free(digest);
}

static void
sha256_of_one_piece_agrees_with_the_pieces(void)
{
    char hex[KO_SHA256_HEX_BYTES];

    ko_sha256_hex(KO_SLICE("abc"), hex);
    CHECK_TEXT(hex, digest_of(KO_SHA256, "abc"));
}

static void
hmac_agrees_with_published_vectors(void)
{
    unsigned char mac[KO_SHA256_BYTES];
    char hex[KO_SHA256_HEX_BYTES];

    /* RFC 4231, case 2 */
    ko_hmac_sha256(KO_SLICE("Jefe"), KO_SLICE("what do ya want for nothing?"), mac);
    ko_hex(mac, sizeof mac, hex);
    CHECK_TEXT(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    ko_hmac_sha256((struct ko_slice){NULL, 0}, (struct ko_slice){NULL, 0}, mac);
    ko_hex(mac, sizeof mac, hex);
    CHECK_TEXT(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void
crc32_agrees_with_the_check_value(void)
{
    assert_int_equal(ko_crc32(KO_SLICE("123456789")), 0xcbf43926U);
    assert_int_equal(ko_crc32(KO_SLICE("")), 0);
}

/* The definition of the CRC, bit by bit. */
static uint32_t
crc32_by_bits(uint32_t crc, unsigned char byte)
{
    crc = ~crc ^ byte;
    for (int i = 0; i < 8; i++)
        crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
    return ~crc;
}

static void
crc32_of_every_length_is_right(void)
{
    char bytes[1500];
    uint32_t expected = 0;

    for (size_t n = 0; n < sizeof bytes; n++) {
        assert_int_equal(ko_crc32((struct ko_slice){bytes, n}), expected);
        bytes[n] = (char) (n * n >> 3);
        expected = crc32_by_bits(expected, (unsigned char) bytes[n]);
    }
}

static void
fingerprints_never_change(void)
{
    char key[600];

    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (char) (i * 7 + 3);
    /* Plans are ordered by fingerprint: these values, one per code path of XXH3, are a format. */
    assert_true(ko_fingerprint((struct ko_slice){key, 0}) == 0x2d06800538d394c2U);
    assert_true(ko_fingerprint((struct ko_slice){key, 3}) == 0xa9088dda485b481cU);
    assert_true(ko_fingerprint((struct ko_slice){key, 8}) == 0x60539db630471163U);
    assert_true(ko_fingerprint((struct ko_slice){key, 16}) == 0xb8c859b0f030b585U);
    assert_true(ko_fingerprint((struct ko_slice){key, 70}) == 0x76cf452f68876230U);
    assert_true(ko_fingerprint((struct ko_slice){key, 200}) == 0x746cd0025327bf5bU);
    assert_true(ko_fingerprint((struct ko_slice){key, 600}) == 0x20c6fe13784cf163U);
}

static void
base64_is_padded(void)
{
    static const char *const texts[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    struct ko_buf buf = {0};
    struct ko_error err = {0};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ko_base64_add(&buf, ko_slice_of(texts[i]));
        ko_buf_add_char(&buf, ' ');
    }
    ko_base64_add(&buf, KO_SLICE("\xfb\xff\xbf"));
    assert_int_equal(ko_buf_finish(&buf, &err), KO_OK);
    /* RFC 4648 */
    CHECK_SLICE(ko_buf_slice(&buf), " Zg== Zm8= Zm9v Zm9vYg== Zm9vYmE= Zm9vYmFy +/+/");
    ko_buf_clear(&buf);
}

static void
base64_decodes_what_it_encodes(void)
{
    char bytes[256];
    struct ko_buf text = {0};
    struct ko_buf back = {0};
    struct ko_error err = {0};

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char) (255 - i);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        ko_buf_reset(&text);
        ko_buf_reset(&back);
        ko_base64_add(&text, (struct ko_slice){bytes, n});
        (void) ko_base64_decode(ko_buf_slice(&text), &back, &err);
        CHECK_OK(err);
        assert_int_equal(back.n, n);
        assert_memory_equal(ko_buf_slice(&back).data, bytes, n);
    }
    ko_buf_clear(&text);
    ko_buf_clear(&back);
}

static void
base64_that_is_not_canonical_is_refused(void)
{
    static const char *const texts[] = {"Zg=",      "Zg",   "Z===",  "====", "Zh==", "Zm9=",
                                        "Zg==Zg==", "Zm 9", "Zm9\n", "Zm-_", "=Zm9", "Z=m9"};
    struct ko_buf buf = {0};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ko_error err = {0};

        (void) ko_base64_decode(ko_slice_of(texts[i]), &buf, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
    }
    ko_buf_clear(&buf);
}

CASES = {
    CASE(sha256_and_md5_agree_with_published_vectors),
    CASE(a_digest_is_as_new_after_its_end),
    CASE(sha256_of_one_piece_agrees_with_the_pieces),
    CASE(hmac_agrees_with_published_vectors),
    CASE(crc32_agrees_with_the_check_value),
    CASE(crc32_of_every_length_is_right),
    CASE(fingerprints_never_change),
    CASE(base64_is_padded),
    CASE(base64_decodes_what_it_encodes),
    CASE(base64_that_is_not_canonical_is_refused),
};
RUN_CASES
