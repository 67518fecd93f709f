/* UTF-8: every scalar value both ways, what is not valid and how long it is, trimming, labels. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void every_code_point(void **state)
{
    (void)state;
    size_t valid = 0;
    for (uint32_t code = 0; code < 0x110100; code++) {
        char bytes[4];
        size_t n = utf8_encode(code, bytes);
        bool scalar = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        assert_int_equal(n != 0, scalar);
        if (!n)
            continue;
        valid++;
        uint32_t back = 0;
        assert_int_equal(utf8_decode(bytes, n, &back), (int)n);
        assert_int_equal(back, code);
        assert_int_equal(utf8_check(bytes, n), n);
        for (size_t cut = 1; cut < n; cut++) {
            assert_int_equal(utf8_decode(bytes, cut, &back), 0);
            assert_int_equal(utf8_check(bytes, cut), 0);
        }
    }
    assert_int_equal(valid, 0x110000 - 0x800);
}

static void invalid_sequences(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int result;
    } cases[] = {
        {"\x80", -1},
        {"\xbf", -1},
        {"\xc0\x80", -1},
        {"\xc1\xbf", -1},
        {"\xf5\x80\x80\x80", -1},
        {"\xff", -1},
        {"\xc2\x41", -1},
        {"\xe0\x9f\x80", -1},
        {"\xed\xa0\x80", -1},
        {"\xf0\x8f\x80\x80", -1},
        {"\xf4\x90\x80\x80", -1},
        {"\xe2\x82\x41", -2},
        {"\xf0\x9f\x41", -2},
        {"\xf0\x9f\x98\x41", -3},
        {"\xe2\x82", 0},
        {"\xf0\x9f\x98", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t code;
        assert_int_equal(
            utf8_decode(cases[i].bytes, strlen(cases[i].bytes), &code), cases[i].result);
        /* The offset is right wherever the bad byte stands relative to the fast path's words. */
        for (size_t before = 0; before < 20; before++) {
            char text[64];
            memset(text, 'x', sizeof(text));
            memcpy(text + before, cases[i].bytes, strlen(cases[i].bytes));
            assert_int_equal(utf8_check(text, sizeof(text)), before);
        }
    }
}

/* Against a second definition: a byte string is valid if it is the encoding of code points. */
static bool valid_slowly(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t length = s[i] < 0x80 ? 1 : s[i] < 0xe0 ? 2 : s[i] < 0xf0 ? 3 : 4;
        if (i + length > n)
            return false;
        uint32_t code = length == 1 ? s[i] : s[i] & (0x7fu >> length);
        for (size_t j = 1; j < length; j++)
            code = code << 6 | (s[i + j] & 0x3f);
        char again[4];
        if (utf8_encode(code, again) != length || memcmp(again, s + i, length))
            return false;
        i += length;
    }
    return true;
}

static void all_short_strings(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < 0x1000000; v++) {
        unsigned char s[3] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16)};
        if ((utf8_check((char *)s, 3) == 3) != valid_slowly(s, 3))
            fail_msg("%02x %02x %02x", s[0], s[1], s[2]);
    }
}

static void trimming(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", ""}, {" ", ""}, {"\t\r\n a b \n", "a b"},
        {"\xe3\x80\x80x\xc2\xa0", "x"}, {"\xc2\x85\xe2\x80\xa8", ""}, {"x", "x"},
        {"\xe2\x80\x8bx", "\xe2\x80\x8bx"}, {"\xf0\x9f\x98\x80 ", "\xf0\x9f\x98\x80"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *s = cases[i][0];
        size_t n = strlen(s);
        utf8_trim(&s, &n);
        assert_int_equal(n, strlen(cases[i][1]));
        assert_memory_equal(s, cases[i][1], n);
    }
}

static void labels(void **state)
{
    (void)state;
    assert_string_equal(utf8_label("blk.0", 5).text, "blk.0");
    assert_string_equal(utf8_label("a\0\x80\xc3\xa9\n", 6).text, "a\\x00\\x80\xc3\xa9\\x0a");
    char text[3000];
    for (size_t n = 0; n < sizeof(text); n++) {
        memcpy(text + n, n % 2 ? "\xa9" : "\xc3", 1);
        struct utf8_label label = utf8_label(text, n);
        size_t length = strlen(label.text);
        assert_true(length < sizeof(label.text));
        assert_int_equal(utf8_check(label.text, length), length);
        if (n > 200)
            assert_string_equal(label.text + length - 3, "...");
    }
    assert_string_equal(utf8_tail("abc", 3), "abc");
    assert_string_equal(utf8_tail("abc", 2), "bc");
    assert_string_equal(utf8_tail("a\xc3\xa9z", 2), "z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_point),
        cmocka_unit_test(invalid_sequences), cmocka_unit_test(all_short_strings),
        cmocka_unit_test(trimming), cmocka_unit_test(labels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
