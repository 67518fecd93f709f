/* Template text to tokens: data, tags, and what is inside them; white space control under
 * trim_blocks and lstrip_blocks. */
#include "jinja/internal.h"

#include <errno.h>
#include <stdlib.h>

enum { MAX_BRACKETS = 200 };

struct lexer {
    struct jinja *j;
    const char *text;
    size_t n, at;
    bool line_begins; /* what came before ended with a newline */
    struct tokens tokens;
    char closing[MAX_BRACKETS]; /* [n_closing] brackets that are open */
    size_t n_closing;
};

static _Noreturn void fail_at(struct lexer *l, const char *what)
{
    jinja_raise(l->j, "%s", what);
}

/* One kind of line end, and none at the end of the template. */
static void normalize(struct lexer *l, const char *source, size_t n)
{
    char *text = mem_alloc(l->j, n + 1, 1);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (source[i] == '\r' && i + 1 < n && source[i + 1] == '\n')
            continue;
        text[k++] = source[i] == '\r' ? '\n' : source[i];
    }
    if (k && text[k - 1] == '\n')
        k--;
    l->text = text;
    l->n = k;
}

static struct token *add(struct lexer *l, enum token_type type)
{
    struct tokens *t = &l->tokens;
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 256;
        struct token *grown = mem_alloc(l->j, cap, sizeof(*grown));
        if (t->n)
            memcpy(grown, t->items, t->n * sizeof(*grown));
        t->items = grown;
        t->cap = cap;
    }
    jinja_work(l->j, 1);
    t->items[t->n] = (struct token){.type = type, .line = l->j->line};
    return &t->items[t->n++];
}

static void advance(struct lexer *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        l->j->line += l->text[l->at + i] == '\n';
    l->at += n;
}

static bool looking_at(const struct lexer *l, size_t at, const char *what)
{
    size_t n = strlen(what);
    return l->n - at >= n && !memcmp(l->text + at, what, n);
}

static size_t skip_space(const struct lexer *l, size_t at)
{
    while (at < l->n) {
        struct string rest = {.data = l->text, .n = l->n};
        size_t next = at;
        if (!code_is_space(string_code(&rest, &next)))
            break;
        at = next;
    }
    return at;
}

/* Adds data up to `end`, where a tag with this sign begins. strips: lstrip_blocks apply to it. */
static void add_data(struct lexer *l, size_t end, char sign, bool strips)
{
    size_t begin = l->at, cut = end;
    if (sign == '-') {
        struct string s = {.data = l->text + begin, .n = end - begin, .chars = end - begin};
        uint32_t code;
        while (s.n > 0) {
            size_t last = string_last(&s, s.n, &code);
            if (!code_is_space(code))
                break;
            s.n = last;
        }
        cut = begin + s.n;
    } else if (sign != '+' && strips) {
        size_t line = end;
        while (line > begin && l->text[line - 1] != '\n')
            line--;
        if ((line > begin || l->line_begins) && skip_space(l, line) >= end)
            cut = line;
    }
    if (cut > begin) {
        struct token *t = add(l, T_DATA);
        t->text = string_create(l->j, l->text + begin, cut - begin);
    }
    advance(l, end - begin);
}

static char sign_at(const struct lexer *l, size_t at)
{
    return at < l->n && (l->text[at] == '-' || l->text[at] == '+') ? l->text[at] : 0;
}

/* The length of a tag's end at `at`, with the white space that goes with it; 0: none is there. */
static size_t match_end(const struct lexer *l, size_t at, const char *end, bool block)
{
    char sign = sign_at(l, at);
    if (sign == '+' && !block)
        return 0;
    size_t after = at + (sign != 0);
    if (after > l->n || !looking_at(l, after, end))
        return 0;
    after += 2;
    if (sign == '-')
        after = skip_space(l, after);
    else if (!sign && block && after < l->n && l->text[after] == '\n')
        after++;
    return after - at;
}

static void finish(struct lexer *l, size_t n)
{
    advance(l, n);
    l->line_begins = l->text[l->at - 1] == '\n';
}

static void skip_comment(struct lexer *l)
{
    for (size_t at = l->at; at < l->n; at++) {
        size_t n = match_end(l, at, "#}", true);
        if (n) {
            finish(l, at - l->at + n);
            return;
        }
    }
    fail_at(l, "a comment has no end \"#}\"");
}

/* Where "{% raw %}" at `at` ends, or 0; word: raw or endraw. */
static size_t match_raw(const struct lexer *l, size_t at, const char *word)
{
    size_t p = at + 2, n;
    if (sign_at(l, p))
        p++;
    p = skip_space(l, p);
    if (!looking_at(l, p, word))
        return 0;
    p = skip_space(l, p + strlen(word));
    if (strcmp(word, "endraw") == 0)
        return (n = match_end(l, p, "%}", true)) ? p + n : 0;
    if (looking_at(l, p, "%}")) /* the line end after it stays */
        return p + 2;
    return looking_at(l, p, "-%}") ? skip_space(l, p + 3) : 0;
}

static void raw_block(struct lexer *l, size_t begin)
{
    finish(l, begin - l->at);
    for (size_t at = l->at; at < l->n; at++) {
        size_t end = looking_at(l, at, "{%") ? match_raw(l, at, "endraw") : 0;
        if (!end)
            continue;
        add_data(l, at, sign_at(l, at + 2), true);
        finish(l, end - l->at);
        return;
    }
    fail_at(l, "a raw block has no end \"{% endraw %}\"");
}

static bool is_word(uint32_t c)
{
    return c == '_' || code_is_alpha(c) || code_is_numeric(c);
}

static size_t word_end(const struct lexer *l, size_t at)
{
    struct string s = {.data = l->text, .n = l->n};
    while (at < l->n) {
        size_t next = at;
        if (!is_word(string_code(&s, &next)))
            break;
        at = next;
    }
    return at;
}

static uint32_t escape_hex(struct lexer *l, size_t *at, size_t end, int digits)
{
    uint32_t code = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        int c = *at < end ? (unsigned char)l->text[*at] : 0;
        int lower = c | 32;
        if (c >= '0' && c <= '9')
            code = code << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            code = code << 4 | (uint32_t)(lower - 'a' + 10);
        else
            fail_at(l, "a string has an escape with too few hexadecimal digits");
    }
    return code;
}

/* A backslash is at *at: adds what it and the next characters mean, as Python does. */
static void unescape(struct lexer *l, struct buffer *b, size_t *at, size_t end)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    char c = l->text[*at + 1];
    const char *found = memchr(from, c, sizeof(from) - 1);
    *at += 2;
    if (found) {
        buffer_add(l->j, b, &to[found - from], 1);
    } else if (c == 'x' || c == 'u' || c == 'U') {
        buffer_code(l->j, b, escape_hex(l, at, end, c == 'x' ? 2 : c == 'u' ? 4 : 8));
    } else if (c >= '0' && c <= '7') {
        uint32_t code = (uint32_t)(c - '0');
        for (int i = 0; i < 2 && *at < end && l->text[*at] >= '0' && l->text[*at] <= '7'; i++)
            code = code << 3 | (uint32_t)(l->text[(*at)++] - '0');
        buffer_code(l->j, b, code);
    } else if (c == 'N') {
        fail_at(l, "characters by name, \\N{...}, are not supported");
    } else if (c != '\n') {
        buffer_add(l->j, b, l->text + *at - 2, 1);
        *at -= 1;
    }
}

static void lex_string(struct lexer *l)
{
    char quote = l->text[l->at];
    size_t end = l->at + 1, at = end;
    struct buffer b = {0};
    while (end < l->n && l->text[end] != quote)
        end += l->text[end] == '\\' ? 2 : 1;
    if (end >= l->n)
        fail_at(l, "a string has no end");
    struct token *t = add(l, T_STRING);
    while (at < end) {
        size_t begin = at;
        while (at < end && l->text[at] != '\\')
            at++;
        buffer_add(l->j, &b, l->text + begin, at - begin);
        if (at < end)
            unescape(l, &b, &at, end);
    }
    t->text = string_buffer(l->j, &b);
    advance(l, end + 1 - l->at);
}

/* The end of digits with single underscores between them; `at` itself if there are none. */
static size_t digits_end(const struct lexer *l, size_t at, const char *digits)
{
    size_t p = at;
    while (p < l->n) {
        size_t d = p + (p > at && l->text[p] == '_');
        if (d >= l->n || !l->text[d] || !strchr(digits, l->text[d]))
            break;
        p = d + 1;
    }
    return p;
}

static size_t float_end(const struct lexer *l)
{
    static const char digits[] = "0123456789";
    size_t whole = digits_end(l, l->at, digits), end = whole;
    if (l->at > 0 && l->text[l->at - 1] == '.')
        return 0;
    if (end < l->n && l->text[end] == '.') {
        size_t fraction = digits_end(l, end + 1, digits);
        if (fraction > end + 1)
            end = fraction;
    }
    if (end < l->n && (l->text[end] | 32) == 'e') {
        size_t p = end + 1;
        p += p < l->n && (l->text[p] == '+' || l->text[p] == '-');
        size_t exponent = digits_end(l, p, digits);
        if (exponent > p)
            return exponent;
    }
    return end > whole ? end : 0;
}

static size_t integer_end(const struct lexer *l, int *base)
{
    static const struct {
        char letter;
        int base;
        const char *digits;
    } kinds[] = {{'b', 2, "01"}, {'o', 8, "01234567"}, {'x', 16, "0123456789abcdefABCDEF"}};
    size_t at = l->at;
    *base = 10;
    for (size_t i = 0; l->text[at] == '0' && at + 2 < l->n && i < 3; i++) {
        size_t first = at + 2 + (l->text[at + 2] == '_');
        size_t end = digits_end(l, first, kinds[i].digits);
        if ((l->text[at + 1] | 32) == kinds[i].letter && end > first) {
            *base = kinds[i].base;
            return end;
        }
    }
    return digits_end(l, at, l->text[at] == '0' ? "0" : "0123456789");
}

static void lex_number(struct lexer *l)
{
    char digits[400];
    int base = 10;
    size_t end = float_end(l), n = 0;
    struct token *t = add(l, end ? T_FLOAT : T_INTEGER);
    if (!end)
        end = integer_end(l, &base);
    for (size_t i = l->at + (base != 10 ? 2 : 0); i < end; i++) {
        if (n + 1 >= sizeof(digits))
            fail_at(l, "a number is too long");
        if (l->text[i] != '_')
            digits[n++] = l->text[i];
    }
    digits[n] = 0;
    errno = 0;
    t->number = t->type == T_FLOAT ? float_value(strtod(digits, NULL))
                                   : int_value(strtoll(digits, NULL, base));
    if (errno && t->type == T_INTEGER)
        fail_at(l, "an integer does not fit 64 bits");
    advance(l, end - l->at);
}

/* Longest first. */
static const struct {
    const char *text;
    enum token_type type;
} operators[] = {
    {"//", T_FLOORDIV},
    {"**", T_POW},
    {"==", T_EQ},
    {"!=", T_NE},
    {">=", T_GE},
    {"<=", T_LE},
    {"+", T_ADD},
    {"-", T_SUB},
    {"*", T_MUL},
    {"/", T_DIV},
    {"%", T_MOD},
    {"~", T_TILDE},
    {">", T_GT},
    {"<", T_LT},
    {"=", T_ASSIGN},
    {".", T_DOT},
    {":", T_COLON},
    {"|", T_PIPE},
    {",", T_COMMA},
    {";", T_SEMICOLON},
    {"(", T_LPAREN},
    {")", T_RPAREN},
    {"[", T_LBRACKET},
    {"]", T_RBRACKET},
    {"{", T_LBRACE},
    {"}", T_RBRACE},
};

const char *token_name(enum token_type type)
{
    static const char *const names[] = {[T_END] = "the end of the template",
        [T_DATA] = "text",
        [T_VARIABLE_BEGIN] = "{{",
        [T_VARIABLE_END] = "}}",
        [T_BLOCK_BEGIN] = "{%",
        [T_BLOCK_END] = "%}",
        [T_NAME] = "a name",
        [T_STRING] = "a string",
        [T_INTEGER] = "an integer",
        [T_FLOAT] = "a number",
        [T_IN] = "in",
        [T_NOT_IN] = "not in"};
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (operators[i].type == type)
            return operators[i].text;
    return names[type];
}

static void balance(struct lexer *l, char c)
{
    if (c == '(' || c == '[' || c == '{') {
        if (l->n_closing == MAX_BRACKETS)
            fail_at(l, "brackets are nested more than 200 deep");
        l->closing[l->n_closing++] = (char)(c == '(' ? ')' : c + 2);
    } else if (c == ')' || c == ']' || c == '}') {
        if (!l->n_closing || l->closing[l->n_closing - 1] != c)
            jinja_raise(l->j, "\"%c\" closes no bracket of its kind", c);
        l->n_closing--;
    }
}

static void lex_operator(struct lexer *l)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (looking_at(l, l->at, operators[i].text)) {
            balance(l, l->text[l->at]);
            add(l, operators[i].type);
            advance(l, strlen(operators[i].text));
            return;
        }
    }
    jinja_raise(l->j, "\"%s\" is not part of the language",
        utf8_label(l->text + l->at, l->n - l->at < 4 ? l->n - l->at : 4).text);
}

static void lex_name(struct lexer *l, size_t end)
{
    if (code_is_numeric((unsigned char)l->text[l->at]))
        fail_at(l, "a name begins with a digit");
    add(l, T_NAME)->text = string_intern(l->j, l->text + l->at, end - l->at);
    advance(l, end - l->at);
}

/* The inside of a tag, to its end. */
static void lex_tag(struct lexer *l, const char *end, enum token_type type, bool block)
{
    for (;;) {
        size_t n;
        if (l->at >= l->n)
            jinja_raise(l->j, "a tag has no end \"%s\"", end);
        if (!l->n_closing && (n = match_end(l, l->at, end, block))) {
            add(l, type);
            finish(l, n);
            return;
        }
        size_t space = skip_space(l, l->at);
        if (space > l->at) {
            advance(l, space - l->at);
            continue;
        }
        char c = l->text[l->at];
        size_t word = word_end(l, l->at);
        if (c >= '0' && c <= '9')
            lex_number(l);
        else if (word > l->at)
            lex_name(l, word);
        else if (c == '\'' || c == '"')
            lex_string(l);
        else
            lex_operator(l);
    }
}

/* A tag begins at `at`. */
static void lex_tag_at(struct lexer *l, size_t at)
{
    char kind = l->text[at + 1], sign = sign_at(l, at + 2);
    size_t raw = kind == '%' ? match_raw(l, at, "raw") : 0;
    add_data(l, at, sign, kind != '{');
    if (raw) {
        raw_block(l, raw);
        return;
    }
    if (kind != '#')
        add(l, kind == '{' ? T_VARIABLE_BEGIN : T_BLOCK_BEGIN);
    finish(l, 2 + (sign != 0));
    if (kind == '#')
        skip_comment(l);
    else
        lex_tag(
            l, kind == '{' ? "}}" : "%}", kind == '{' ? T_VARIABLE_END : T_BLOCK_END, kind == '%');
}

struct tokens lex_template(struct jinja *j, const char *source, size_t n)
{
    struct lexer *l = mem_alloc(j, 1, sizeof(*l));
    *l = (struct lexer){.j = j, .line_begins = true};
    j->line = 1;
    normalize(l, source, n);
    while (l->at < l->n) {
        size_t at = l->at;
        while (at < l->n && !(l->text[at] == '{' && at + 1 < l->n && l->text[at + 1] &&
                                strchr("{%#", l->text[at + 1])))
            at++;
        jinja_work(j, (at - l->at) / 64);
        if (at < l->n)
            lex_tag_at(l, at);
        else
            add_data(l, at, 0, false);
    }
    add(l, T_END);
    return l->tokens;
}
