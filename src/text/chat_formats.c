/* Chat formats by name, for models whose file has no template of its own. */
#include "text/chat.h"

#include <stdio.h>
#include <string.h>

/* What most formats begin with: the system prompt is taken out and put before the first question.
 */
#define SYSTEM_FIRST                                                                               \
    "{%- set ns = namespace(system='') -%}"                                                        \
    "{%- for m in messages if m.role == 'system' -%}"                                              \
    "{%- set ns.system = m.content -%}"                                                            \
    "{%- endfor -%}"

static const struct chat_named formats[] = {
    {"chatml", "<|im_start|>",
        "{%- for m in messages -%}"
        "{{ '<|im_start|>' + m.role + '\n' + (m.content or '') + '<|im_end|>\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif -%}"},
    {"gemma", "<start_of_turn>",
        SYSTEM_FIRST
        "{{- bos_token -}}"
        "{%- for m in messages if m.role != 'system' -%}"
        "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' }}"
        "{%- if loop.first and ns.system %}{{ ns.system + '\n\n' }}{% endif -%}"
        "{{ (m.content or '')|trim + '<end_of_turn>\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif -%}"},
    {"llama2", NULL,
        SYSTEM_FIRST "{%- for m in messages if m.role != 'system' -%}"
                     "{%- if m.role == 'assistant' -%}"
                     "{{ ' ' + (m.content or '')|trim + ' ' + eos_token }}"
                     "{%- else -%}"
                     "{{ bos_token + '[INST] ' }}"
                     "{%- if loop.first and ns.system %}{{ '<<SYS>>\n' + ns.system + "
                     "'\n<</SYS>>\n\n' }}{% endif -%}"
                     "{{ m.content|trim + ' [/INST]' }}"
                     "{%- endif -%}"
                     "{%- endfor -%}"},
    {"llama3", "<|start_header_id|>",
        "{{- bos_token -}}"
        "{%- for m in messages -%}"
        "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + (m.content or '')|trim + "
        "'<|eot_id|>' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
        "{% endif -%}"},
    {"mistral-v3", NULL,
        SYSTEM_FIRST "{{- bos_token -}}"
                     "{%- for m in messages if m.role != 'system' -%}"
                     "{%- if m.role == 'assistant' -%}"
                     "{{ ' ' + (m.content or '')|trim + eos_token }}"
                     "{%- else -%}"
                     "{{ '[INST] ' }}"
                     "{%- if loop.last and ns.system %}{{ ns.system + '\n\n' }}{% endif -%}"
                     "{{ m.content + '[/INST]' }}"
                     "{%- endif -%}"
                     "{%- endfor -%}"},
    {"mistral-v7", "[SYSTEM_PROMPT]",
        "{{- bos_token -}}"
        "{%- for m in messages -%}"
        "{%- if m.role == 'system' -%}"
        "{{ '[SYSTEM_PROMPT]' + m.content + '[/SYSTEM_PROMPT]' }}"
        "{%- elif m.role == 'assistant' -%}"
        "{{ (m.content or '') + eos_token }}"
        "{%- else -%}"
        "{{ '[INST]' + m.content + '[/INST]' }}"
        "{%- endif -%}"
        "{%- endfor -%}"},
    {"phi3", NULL,
        "{%- for m in messages -%}"
        "{{ '<|' + m.role + '|>\n' + (m.content or '') + '<|end|>\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif -%}"},
    {"zephyr", NULL,
        "{%- for m in messages -%}"
        "{{ '<|' + m.role + '|>\n' + (m.content or '') + eos_token + '\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif -%}"},
};
enum { N_FORMATS = sizeof(formats) / sizeof(formats[0]) };

const struct chat_named *chat_find_named(const char *name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

const char *hekla_chat_format_name(size_t i)
{
    return i < N_FORMATS ? formats[i].name : NULL;
}

const struct chat_named *chat_list_named(size_t *n)
{
    *n = N_FORMATS;
    return formats;
}
