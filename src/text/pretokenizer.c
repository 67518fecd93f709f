/* How text is cut into words before merging: one row per name in tokenizer.ggml.pre. A method is a
 * list of patterns: the first cuts the text into what matches it and what lies between, the next
 * cuts each of these pieces, seeing nothing else of the text, and so on. */
#include "text/internal.h"

#include <string.h>

/* White_Space, written out: PCRE2's \s takes U+180E for a space, which the tokenizers' own regular
 * expression engines do not. */
#define SPACES "\\t-\\r\\x{85}\\p{Z}"
#define S "[" SPACES "]"
#define NOT_S "[^" SPACES "]"
#define TRAILING_SPACE S "+(?!" NOT_S ")|" S "+"
#define LINE_ENDS S "*[\\r\\n]+|" TRAILING_SPACE

#define SUFFIXES "'s|'t|'re|'ve|'m|'ll|'d"
#define ANY_CASE "(?i:" SUFFIXES ")"
#define SYMBOLS "[^" SPACES "\\p{L}\\p{N}]+"
#define WORD "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define ASCII_SIGN "[!-\\/:-@\\[-`{-~]"

#define GPT2 SUFFIXES "| ?\\p{L}+| ?\\p{N}+| ?" SYMBOLS "|" TRAILING_SPACE
#define LLAMA3_LIKE(digits, newlines)                                                              \
    ANY_CASE "|" WORD "|" digits "| ?" SYMBOLS newlines "*|" LINE_ENDS

/* Words whose small letters follow their capital ones; letters without case are both. */
#define UPPER "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}"
#define LOWER "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}"
#define CASED(lead, upper, lower, suffix)                                                          \
    lead "?" upper "*" lower "+" suffix "|" lead "?" upper "+" lower "*" suffix
#define LEAD "[^\\r\\n\\p{L}\\p{N}]"
#define GPT4O_LIKE(digits, suffix)                                                                 \
    CASED(LEAD, "[" UPPER "]", "[" LOWER "]", suffix)                                              \
    "|" digits "| ?" SYMBOLS "[\\r\\n/]*|" LINE_ENDS
#define NO_HAN(set) "(?:(?!\\p{sc:Han})[" set "])"

#define DEEPSEEK_LIKE(newlines)                                                                    \
    ASCII_SIGN "[A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+" newlines

#define CJK "\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{30ff}"
#define CJK_WIDE "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"

/* Letters that have capital and small forms, as one vendor's list has them */
#define TWO_CASES                                                                                  \
    "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-"        \
    "\\x{293}\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}"  \
    "\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}\\x{48a}-"        \
    "\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}"           \
    "\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-"       \
    "\\x{1d9a}\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}"        \
    "\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}"         \
    "\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}"        \
    "\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}"        \
    "\\x{2107}\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}\\x{212a}" \
    "-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}\\x{214e}"        \
    "\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}\\x{2cf2}"         \
    "\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}"        \
    "\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}\\x{ff21}-"       \
    "\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}"  \
    "\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}\\x{1e900}-\\x{1e943}"

enum {
    THIRDS = PATTERN_THIRDS,
    DIGITS = PATTERN_DIGITS,
    NEWLINES = PATTERN_NEWLINES,
    SIGNS = PATTERN_SIGNS,
    WIDE = PATTERN_WIDE,
    /* Letters are in pieces of their own by then. */
    ANY_BUT_LETTERS = DIGITS | NEWLINES | SIGNS | WIDE | PATTERN_CONTROLS,
};

typedef const struct word_pattern method[];

static const method llama3 = {{LLAMA3_LIKE("\\p{N}{1,3}", "[\\r\\n]"), 0}, {0}};
static const method qwen2 = {{LLAMA3_LIKE("\\p{N}", "[\\r\\n]"), 0}, {0}};
static const method qwen35 = {{ANY_CASE "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^" SPACES
                                        "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINE_ENDS,
                                  0},
    {0}};
static const method gpt2 = {{GPT2, 0}, {0}};
static const method starcoder = {{"\\p{N}", DIGITS | WIDE}, {GPT2, 0}, {0}};
static const method falcon = {
    {"[\\p{P}$+<=>^~|`]+", SIGNS | WIDE}, {GPT2, 0}, {"[0-9][0-9][0-9]", DIGITS}, {0}};
static const method fallback = {{"[\\p{P}$+<=>^~|]+", SIGNS | WIDE}, {GPT2, 0},
    {"\\p{N}+", DIGITS | WIDE}, {"[0-9][0-9][0-9]", DIGITS}, {0}};
static const method deepseek_llm = {{"[\\r\\n]", NEWLINES}, {S "?[" TWO_CASES "]+", 0},
    {S "?[!-\\/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+",
        SIGNS | WIDE},
    {"(?<!" S ")" S "++$", ANY_BUT_LETTERS}, {CJK_WIDE, WIDE}, {"\\p{N}+", DIGITS | WIDE}, {0}};
static const method deepseek_coder = {{"[\\r\\n]", NEWLINES}, {S "?\\p{L}+", 0},
    {S "?\\p{P}+", SIGNS | WIDE}, {CJK_WIDE, WIDE}, {"\\p{N}", DIGITS | WIDE}, {0}};
static const method deepseek_v3 = {{"\\p{N}{1,3}", DIGITS | WIDE}, {"[" CJK "]+", WIDE},
    {DEEPSEEK_LIKE("[\\r\\n]*|" LINE_ENDS), 0}, {0}};
static const method spark = {{"\\p{N}{1,3}", DIGITS | WIDE}, {"[" CJK "]+", WIDE},
    {DEEPSEEK_LIKE("|[\\r\\n]|" TRAILING_SPACE), 0}, {"\\p{N}", DIGITS | WIDE}, {0}};
static const method tekken = {{GPT4O_LIKE("\\p{N}", ""), 0}, {0}};
static const method gpt4o = {{GPT4O_LIKE("\\p{N}{1,3}", ANY_CASE "?"), 0}, {0}};
static const method youtu = {
    {"[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}"
     "\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}\\x{ff0c}\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|"
     "[\\x{3105}-\\x{312f}]+|[" CJK "]+",
        0},
    {GPT4O_LIKE("\\p{N}", ANY_CASE "?"), 0}, {0}};
/* Groups of digits count from the right, unless a letter follows the number. */
static const method tiny_aya = {
    {"(?<!\\p{Nd})\\p{Nd}++(?![\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200c}\\x{200d}])",
        THIRDS | DIGITS | WIDE},
    {GPT4O_LIKE("\\p{N}{1,3}", ANY_CASE "?"), 0}, {0}};
static const method kimi = {
    {"\\p{sc:Han}+|" CASED(LEAD, NO_HAN(UPPER), NO_HAN(LOWER), ANY_CASE "?") //
        "|\\p{N}{1,3}| ?" SYMBOLS "[\\r\\n]*|" LINE_ENDS,
        0},
    {0}};
static const method poro = {
    {" ?[^(" SPACES "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+", 0},
    {0}};
static const method viking = {
    {" ?[^(" SPACES "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+", 0},
    {"\\p{N}", DIGITS | WIDE}, {0}};
static const method jais2 = {
    {ANY_CASE "|" WORD "|\\p{N}{1,3}| ?" SYMBOLS "[\\r\\n]*|" S "*[\\r\\n]+|" S "{512}(?!" NOT_S
              ")|" S "{256}(?!" NOT_S ")|" S "{128}(?!" NOT_S ")|" S "{64}(?!" NOT_S ")|" S
              "{32}(?!" NOT_S ")|" S "{16}(?!" NOT_S ")|" S "{8}(?!" NOT_S ")|" S "{4}(?!" NOT_S
              ")|" S "{1,2}(?!" NOT_S ")|" S,
        0},
    {0}};
static const method chameleon = {{"<sentinel:[0-9]+>", 0}, {"IMGIMG[A-I]{1,4}Z", 0},
    {"[\\t\\n]|    |  ", 0}, {"\\p{N}", DIGITS | WIDE}, {"[\\p{P}!-\\/:-@\\[-`{-~]", 0}, {GPT2, 0},
    {0}};
static const method superbpe = {{"\\p{N}+", THIRDS | DIGITS | WIDE}, {0}};
static const method bailing = {
    {ANY_CASE "|" WORD "|\\p{N}| ?" SYMBOLS "[\\r\\n]*|" S "*[\\r\\n]|" TRAILING_SPACE, 0}, {0}};
static const method seed_coder = {
    {ANY_CASE "|" WORD "|\\p{N}| ?[^" SPACES "\\p{L}\\p{N}\\r\\n]+|" LINE_ENDS, 0}, {0}};
static const method ufakzeka = {{WORD "|\\p{N}| ?" SYMBOLS "[\\r\\n]*|" LINE_ENDS, 0}, {0}};
static const method afmoe = {{"\\p{N}+", THIRDS | DIGITS | WIDE},
    {"[\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{f900}-\\x{faff}\\x{3040}-\\x{30ff}\\x{ff65}-"
     "\\x{ff9f}\\x{2f00}-\\x{2fdf}\\x{e40}-\\x{eff}\\x{1780}-\\x{17ff}\\x{1000}-\\x{109f}"
     "\\x{aa60}-\\x{aa7f}\\x{a9e0}-\\x{a9ff}\\x{ac00}-\\x{d7af}\\x{1100}-\\x{11ff}]+",
        0},
    {DEEPSEEK_LIKE("[\\r\\n]*|" LINE_ENDS), 0}, {0}};
static const method laguna = {{"[^\\n]+|\\n+", 0}, {LLAMA3_LIKE("\\p{N}", "[\\r\\n]"), 0}, {0}};
/* Possessive, as nothing follows: a word may be the whole text, which must not be remembered. */
static const method exaone_moe = {
    {ANY_CASE "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*+(?: \\p{L}\\p{M}*+)*+)++|\\p{N}| ?" SYMBOLS
              "[\\r\\n/]?|" S "*[\\r\\n]|" TRAILING_SPACE,
        0},
    {0}};
static const method minicpm5 = {
    {"\\p{N}{1,3}", DIGITS | WIDE}, {LLAMA3_LIKE("\\p{N}+", "[\\r\\n]"), 0}, {0}};
static const method lines = {{"[^\\n]+|\\n+", 0}, {0}};

enum {
    WHOLE = PRE_WHOLE_WORDS,
    BOS = PRE_ADD_BOS,
    CHARS = PRE_CHARACTERS,
    RUNS = PRE_NEWLINE_RUNS
};

static const struct pretokenizer pretokenizers[] = {
    {"default", fallback, 0},
    {"llama-bpe", llama3, WHOLE | BOS},
    {"llama3", llama3, WHOLE | BOS},
    {"llama-v3", llama3, WHOLE | BOS},
    {"falcon3", llama3, WHOLE | BOS},
    {"falcon-h1", llama3, WHOLE | BOS},
    {"pixtral", llama3, WHOLE | BOS},
    {"midm-2.0", llama3, WHOLE | BOS},
    {"lfm2", llama3, WHOLE | BOS},
    {"jina-v5-nano", llama3, WHOLE | BOS},
    {"dbrx", llama3, 0},
    {"smaug-bpe", llama3, 0},
    {"glm4", llama3, 0},
    {"chatglm-bpe", llama3, 0},
    {"gpt-2", gpt2, 0},
    {"phi-2", gpt2, 0},
    {"mpt", gpt2, 0},
    {"olmo", gpt2, 0},
    {"jais", gpt2, 0},
    {"trillion", gpt2, 0},
    {"granite-docling", gpt2, 0},
    {"exaone4", gpt2, 0},
    {"gigachat", gpt2, 0},
    {"a.x-4.0", gpt2, 0},
    {"mellum", gpt2, 0},
    {"modern-bert", gpt2, 0},
    {"roberta-bpe", gpt2, 0},
    {"jina-es", gpt2, 0},
    {"jina-de", gpt2, 0},
    {"jina-v1-en", gpt2, 0},
    {"jina-v2-es", gpt2, 0},
    {"jina-v2-de", gpt2, 0},
    {"jina-v2-code", gpt2, 0},
    {"starcoder", starcoder, 0},
    {"refact", starcoder, 0},
    {"command-r", starcoder, 0},
    {"smollm", starcoder, 0},
    {"codeshell", starcoder, 0},
    {"exaone", starcoder, 0},
    {"minerva-7b", starcoder, 0},
    {"mellum2", starcoder, 0},
    {"qwen2", qwen2, 0},
    {"deepseek-r1-qwen", qwen2, 0},
    {"stablelm2", qwen2, 0},
    {"megrez", qwen2, 0},
    {"hunyuan", qwen2, 0},
    {"solar-open", qwen2, 0},
    {"grok-2", qwen2, 0},
    {"kormo", qwen2, 0},
    {"f2llmv2", qwen2, 0},
    {"qwen35", qwen35, 0},
    {"deepseek-llm", deepseek_llm, 0},
    {"deepseek-coder", deepseek_coder, 0},
    {"deepseek-v3", deepseek_v3, 0},
    {"hunyuan-dense", deepseek_v3, 0},
    {"joyai-llm", deepseek_v3, 0},
    {"hy_v4", deepseek_v3, 0},
    {"spark2_5", spark, 0},
    {"falcon", falcon, 0},
    {"tekken", tekken, WHOLE | BOS},
    {"gpt-4o", gpt4o, 0},
    {"llama4", gpt4o, 0},
    {"kanana2", gpt4o, 0},
    {"talkie", gpt4o, 0},
    {"minimax-m2", gpt4o, 0},
    {"granite-embed-multi-97m", gpt4o, WHOLE},
    {"youtu", youtu, WHOLE},
    {"tiny_aya", tiny_aya, 0},
    {"cohere2moe", tiny_aya, 0},
    {"kimi-k2", kimi, 0},
    {"poro-chat", poro, 0},
    {"bloom", poro, 0},
    {"gpt3-finnish", poro, 0},
    {"viking", viking, 0},
    {"jais-2", jais2, 0},
    {"chameleon", chameleon, BOS},
    {"superbpe", superbpe, 0},
    {"bailingmoe", bailing, 0},
    {"bailingmoe2", bailing, 0},
    {"llada-moe", bailing, 0},
    {"seed-coder", seed_coder, 0},
    {"ufakzeka", ufakzeka, 0},
    {"afmoe", afmoe, 0},
    {"laguna", laguna, 0},
    {"exaone-moe", exaone_moe, 0},
    {"minicpm5", minicpm5, WHOLE},
    {"gemma4", lines, BOS | CHARS | RUNS},
    {"granite-embed-multi-311m", lines, BOS | CHARS | RUNS},
    {"sarvam-moe", lines, CHARS},
};
enum { N_PRETOKENIZERS = sizeof(pretokenizers) / sizeof(pretokenizers[0]) };

const struct pretokenizer *pretokenizer_find(struct gguf_string name)
{
    for (size_t i = 0; i < N_PRETOKENIZERS; i++)
        if (gguf_string_is(name, pretokenizers[i].name))
            return &pretokenizers[i];
    return NULL;
}

const struct pretokenizer *pretokenizer_default(void)
{
    return &pretokenizers[0];
}
