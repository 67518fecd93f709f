/* Token ids from the goldens that come with hekla-tiny. Lists end with -1. */
#ifndef TESTS_TINY_CASES_H
#define TESTS_TINY_CASES_H

#include "hekla/hekla.h"

struct tiny_case {
    const char *prompt;               /* NULL: a conversation */
    struct hekla_message messages[6]; /* ends with a NULL role */
    hekla_token ids[128];
};

static const struct tiny_case tiny_cases[] = {
    {
        .prompt = "Once upon a time",
        .ids = {1016, 381, 410, 256, 370, -1},
    },
    {
        .prompt = "Once upon a time, there was a little fox named Pip. Pip lived in the forest.",
        .ids = {1016, 381, 410, 256, 370, 11, 368, 276, 256, 516, 545, 87, 343, 890, 13, 890, 319,
            331, 262, 545, 269, 297, 13, -1},
    },
    {
        .prompt = "Once upon a time, there was a small bear named Luna. Luna had a red ball and "
                  "loved it very much. One sunny day,",
        .ids = {1016, 381, 410, 256, 370, 11, 368, 276, 256, 493, 322, 288, 343, 805, 13, 805, 495,
            256, 480, 261, 266, 571, 280, 503, 85, 261, 332, 413, 654, 13, 424, 739, 348, 11, -1},
    },
    {
        .prompt = "On the hill lived a kind",
        .ids = {1016, 310, 262, 723, 319, 256, 524, -1},
    },
    {
        .prompt = "\"Do not worry,\" said the owl. \"I will help you find your",
        .ids = {1016, 1, 606, 367, 517, 393, 300, 292, 262, 220, 875, 13, 272, 40, 445, 487, 313,
            686, 313, 81, -1},
    },
    {
        .prompt = "The",
        .ids = {1016, 472, -1},
    },
    {
        .messages =
            {
                {.role = "user", .content = "Tell me a story about a fox named Pip."},
            },
        .ids = {1016, 1018, 385, 1019, 308, 745, 335, 256, 394, 452, 256, 545, 87, 343, 890, 13,
            1020, 1018, 390, 1019, 308, -1},
    },
    {
        .messages =
            {
                {.role = "user",
                    .content = "Tell me a short story about a girl who lost her ball."},
            },
        .ids = {1016, 1018, 385, 1019, 308, 745, 335, 256, 688, 394, 452, 256, 969, 618, 607, 623,
            266, 571, 13, 1020, 1018, 390, 1019, 308, -1},
    },
    {
        .messages =
            {
                {.role = "system", .content = "You are a helpful assistant."},
                {.role = "user", .content = "Tell me a very short story about a duck named Otto."},
            },
        .ids = {1016, 1018, 777, 297, 68, 76, 1019, 308, 397, 388, 256, 982, 661, 13, 1020, 1018,
            385, 1019, 308, 745, 335, 256, 413, 688, 394, 452, 256, 285, 84, 489, 343, 920, 13,
            1020, 1018, 390, 1019, 308, -1},
    },
    {
        .messages =
            {
                {.role = "user", .content = "Tell me a very short story about a fox named Pip."},
                {.role = "assistant",
                    .content = "Once upon a time, there was a little fox named Pip. Pip lived by "
                               "the river. One "
                               "day, Pip lost his red ball. Luna the owl helped him look for it, "
                               "and they found "
                               "it under a bush. It was the best day of all."},
                {.role = "user", .content = "What was the fox called?"},
            },
        .ids = {1016, 1018, 385, 1019, 308, 745, 335, 256, 413, 688, 394, 452, 256, 545, 87, 343,
            890, 13, 1020, 1018, 390, 1019, 308, 381, 410, 256, 370, 11, 368, 276, 256, 516, 545,
            87, 343, 890, 13, 890, 319, 462, 262, 634, 311, 13, 424, 348, 11, 890, 607, 817, 480,
            261, 266, 571, 13, 805, 262, 220, 875, 487, 261, 454, 76, 718, 449, 332, 11, 280, 448,
            563, 332, 577, 256, 266, 305, 71, 13, 376, 276, 262, 479, 348, 356, 444, 13, 1020, 1018,
            385, 1019, 308, 378, 276, 262, 545, 87, 395, 30, 1020, 1018, 390, 1019, 308, -1},
    },
    {
        .messages =
            {
                {.role = "user", .content = "Give me a fox named Pip as JSON."},
            },
        .ids = {1016, 1018, 385, 1019, 308, 901, 335, 256, 545, 87, 343, 890, 361, 567, 13, 1020,
            1018, 390, 1019, 308, -1},
    },
    {
        .messages =
            {
                {.role = "user", .content = "What is 3 plus 4?"},
            },
        .ids = {1016, 1018, 385, 1019, 308, 378, 317, 220, 18, 500, 220, 19, 30, 1020, 1018, 390,
            1019, 308, -1},
    },
    {
        .messages =
            {
                {.role = "user", .content = "Who are you?"},
            },
        .ids = {1016, 1018, 385, 1019, 308, 1015, 388, 313, 30, 1020, 1018, 390, 1019, 308, -1},
    },
    {
        .messages =
            {
                {.role = "user", .content = "What does a cow say?"},
            },
        .ids = {1016, 1018, 385, 1019, 308, 378, 950, 256, 273, 301, 923, 30, 1020, 1018, 390, 1019,
            308, -1},
    },
    {
        .messages =
            {
                {.role = "system", .content = "You are Hekla Tiny, a very small language model."},
                {.role = "user", .content = "Hello!"},
                {.role = "assistant", .content = "Hello! Would you like to hear a story?"},
                {.role = "user", .content = "What day comes after Friday?"},
            },
        .ids = {1016, 1018, 777, 297, 68, 76, 1019, 308, 397, 388, 496, 74, 453, 289, 877, 11, 256,
            413, 493, 270, 283, 849, 64, 473, 790, 13, 1020, 1018, 385, 1019, 308, 39, 329, 78, 0,
            1020, 1018, 390, 1019, 308, 39, 329, 78, 0, 749, 313, 636, 282, 539, 256, 394, 30, 1020,
            1018, 385, 1019, 308, 378, 348, 640, 439, 374, 298, 722, 30, 1020, 1018, 390, 1019, 308,
            -1},
    },
    {
        .messages =
            {
                {.role = "user", .content = "Count from 1 to 5."},
            },
        .ids = {1016, 1018, 385, 1019, 308, 34, 267, 596, 1013, 220, 16, 282, 220, 20, 13, 1020,
            1018, 390, 1019, 308, -1},
    },
};

#endif
