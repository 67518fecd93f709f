/*
 * text/: text <-> tokens, and the chat format. Reads tokenizer keys from gguf/; knows no device.
 * A tokenizer is immutable after creation and may be shared between threads.
 */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include "base/status.h"
#include "gguf/gguf.h"

struct tokenizer;

/* Copies what it needs out of g (which may be closed afterwards). n_vocab = token count. */
hekla_status tokenizer_create(
    struct tokenizer **out, const struct gguf *g, struct hekla_error *err);
void tokenizer_destroy(struct tokenizer *t);

/* What a user should know about the vocabulary; NULL: nothing. */
const char *tokenizer_warning(const struct tokenizer *t);

uint32_t tokenizer_vocab_size(const struct tokenizer *t);
bool tokenizer_add_bos(const struct tokenizer *t);
hekla_token tokenizer_bos(const struct tokenizer *t); /* -1: none */
hekla_token tokenizer_eos(const struct tokenizer *t);
hekla_token tokenizer_eot(const struct tokenizer *t);
bool tokenizer_is_end(const struct tokenizer *t, hekla_token token);

/* See hekla_tokenize. */
hekla_status tokenizer_encode(const struct tokenizer *t, const char *text, size_t n, uint32_t flags,
    hekla_token *tokens, size_t cap, size_t *count, struct hekla_error *err);
/* See hekla_token_bytes and hekla_text_stream_add. */
size_t tokenizer_bytes(
    const struct tokenizer *t, hekla_token token, bool special, char *out, size_t cap);
size_t tokenizer_stream(const struct tokenizer *t, struct hekla_text_stream *s, hekla_token token,
    bool special, char *out, size_t cap);

/* See hekla_chat_format_with and hekla_chat_format_json. */
hekla_status chat_format(const struct tokenizer *t, const struct hekla_message *messages, size_t n,
    const struct hekla_chat_options *o, char **text, struct hekla_error *err);
hekla_status chat_format_json(const struct tokenizer *t, const char *messages,
    const struct hekla_chat_options *o, char **text, struct hekla_error *err);

#endif
