/* Special ids, and what is put around text: from keys of the file, from its defaults, and, where a
 * file does not say, from the names that models give to such tokens. */
#include "text/internal.h"

#include <ctype.h>
#include <string.h>

/* A token id from a key; where it is absent *out stays, if there is such a token. */
static hekla_status read_id(const struct tokenizer *t, const struct gguf *g, const char *key,
    hekla_token *out, struct hekla_error *err)
{
    uint32_t id;
    if (*out >= 0 && (uint32_t)*out >= t->vocab.n)
        *out = NO_TOKEN;
    if (!gguf_find_key(g, key))
        return HEKLA_OK;
    hekla_status status = gguf_get_u32(g, key, false, UINT32_MAX, &id, err);
    if (status)
        return status;
    if (id != UINT32_MAX && id >= t->vocab.n) /* some writers say "none" so */
        return hekla_fail(err, HEKLA_FORMAT, "%s: %s is %u, expected less than %u, the tokens",
            gguf_name(g), key, id, t->vocab.n);
    *out = id == UINT32_MAX ? NO_TOKEN : (hekla_token)id;
    return HEKLA_OK;
}

/* ---- tokens that end an answer ----------------------------------------------------------------
 */

static void add_end(struct tokenizer *t, hekla_token token)
{
    _Static_assert(sizeof(t->ends) / sizeof(t->ends[0]) >= 32, "room for all ends");
    if (token != NO_TOKEN && !tokenizer_is_end(t, token))
        t->ends[t->n_ends++] = token;
}

static void remove_end(struct tokenizer *t, hekla_token token)
{
    for (uint32_t i = 0; i < t->n_ends; i++)
        if (t->ends[i] == token)
            t->ends[i--] = t->ends[--t->n_ends];
}

static hekla_token find_special(const struct tokenizer *t, const char *text)
{
    return vocab_find_special(&t->vocab, text, strlen(text));
}

static void find_ends(struct tokenizer *t)
{
    /* End of turn comes first: the first of these stands in for a missing eot key. */
    static const char *const names[] = {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>",
        "<turn|>", "<EOT>", "_<EOT>", "[EOT]", "<end_of_utterance>",
        "<\xef\xbd\x9c"
        "end" SPACE_SIGN "of" SPACE_SIGN "sentence\xef\xbd\x9c>",
        "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>", "<|return|>", "<|call|>", "<|calls|>",
        "<|flush|>", "</s>", "[EOS]", "<eos>", "<|tool_response>", "[e~["};
    enum { N_NAMES = sizeof(names) / sizeof(names[0]), N_EOT_NAMES = 12 };
    for (size_t i = 0; i < N_NAMES; i++) {
        hekla_token token = find_special(t, names[i]);
        if (i < N_EOT_NAMES && t->eot == NO_TOKEN)
            t->eot = token;
        add_end(t, token);
    }
    /* Where answers have several parts, this one ends a part. */
    bool parts =
        find_special(t, "<|return|>") != NO_TOKEN && find_special(t, "<|call|>") != NO_TOKEN;
    parts |= find_special(t, "<|calls|>") != NO_TOKEN && find_special(t, "<|flush|>") != NO_TOKEN;
    if (parts && find_special(t, "<|end|>") != t->eos)
        remove_end(t, find_special(t, "<|end|>"));
    if (find_special(t, "<|tool_response>") != NO_TOKEN && find_special(t, "</s>") != t->eos)
        remove_end(t, find_special(t, "</s>")); /* plain text there */
}

/* ---- white space beside special tokens, which no key tells ------------------------------------
 */

static bool name_has(struct gguf_string name, const char *part)
{
    size_t n = strlen(part);
    for (uint64_t i = 0; i + n <= name.n; i++) {
        size_t same = 0;
        while (same < n && tolower((unsigned char)name.data[i + same]) == part[same])
            same++;
        if (same == n)
            return true;
    }
    return false;
}

static hekla_status find_stripping(
    struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    struct gguf_string pre, arch, name;
    hekla_status status;
    if ((status = gguf_get_string(g, "tokenizer.ggml.pre", false, &pre, err)) ||
        (status = gguf_get_string(g, "general.architecture", false, &arch, err)) ||
        (status = gguf_get_string(g, "general.name", false, &name, err)))
        return status;
    t->lstrip = NO_TOKEN;
    if (name_has(pre, "jina-v2-de") || name_has(pre, "jina-v2-es") ||
        name_has(pre, "jina-v2-code") || gguf_string_is(arch, "nomic-bert-moe") ||
        gguf_string_is(arch, "jina-bert-v3"))
        t->lstrip = find_special(t, "<mask>");
    else if (name_has(name, "phi-3") || name_has(name, "phi3"))
        t->strips_right = true;
    else if (name_has(name, "modern-bert"))
        t->lstrip = find_special(t, "[MASK]");
    return HEKLA_OK;
}

hekla_status tokenizer_read_ids(struct tokenizer *t, const struct gguf *g, struct hekla_error *err)
{
    hekla_status status;
    hekla_token eom = NO_TOKEN, sep = t->closing;
    t->eot = NO_TOKEN;
    if ((status = read_id(t, g, "tokenizer.ggml.bos_token_id", &t->bos, err)) ||
        (status = read_id(t, g, "tokenizer.ggml.eos_token_id", &t->eos, err)) ||
        (status = read_id(t, g, "tokenizer.ggml.eot_token_id", &t->eot, err)) ||
        (status = read_id(t, g, "tokenizer.ggml.eom_token_id", &eom, err)) ||
        (t->unknown != NO_TOKEN && /* else the encoder has no use for it */
            (status = read_id(t, g, "tokenizer.ggml.unknown_token_id", &t->unknown, err))) ||
        (status = read_id(t, g, "tokenizer.ggml.seperator_token_id", &sep, err)) ||
        (status = find_stripping(t, g, err)))
        return status;
    add_end(t, t->eos);
    add_end(t, t->eot);
    add_end(t, eom);
    find_ends(t);
    bool with_sep = t->encoder == &encoder_wordpiece; /* others end with the end of text */
    t->closing = with_sep ? sep : t->eos;
    status = gguf_get_bool(g, "tokenizer.ggml.add_bos_token", false, t->add_bos, &t->add_bos, err);
    if (!status)
        status = gguf_get_bool(g,
            with_sep ? "tokenizer.ggml.add_sep_token" : "tokenizer.ggml.add_eos_token", false,
            t->add_closing, &t->add_closing, err);
    return status;
}
