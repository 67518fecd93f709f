#include "cli/cli.h"

#include "cli/interrupt.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_command commands[] = {
    {"run", "continue a prompt, or chat", cli_run},
    {"doctor", "test every kernel on a device against the reference", cli_doctor},
    {"devices", "list what a model can run on", cli_devices},
    {"info", "show a model file's metadata, tensors and a summary", cli_info},
    {"bench", "measure how fast a device is, and how near to its limits", cli_bench},
    {"compare", "compare results of bench, also with llama-bench's", cli_compare},
    {"tune", "find out which shapes of its kernels a GPU is fastest with", cli_tune},
    {"perplexity", "measure how well a model predicts a text", cli_perplexity},
    {"embed", "turn texts into vectors", cli_embed},
    {"quantize", "make a model file smaller", cli_quantize},
    {"tokenize", "show the tokens of a text", cli_tokenize},
};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int help(void)
{
    cli_writef("usage: hekla COMMAND [flags]\n\n"
               "Language models on any GPU, through Vulkan compute.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        cli_writef("  %-12s %s\n", commands[i].name, commands[i].summary);
    cli_writef("  %-12s %s\n  %-12s %s\n", "help COMMAND", "show the flags of a command",
        "--version", "show the version");
    cli_writef(
        "\n\"hekla -p TEXT\" is short for \"hekla run -p TEXT\", and so for all flags.\n"
        "Start with: hekla run -p \"Once upon a time\" -n 120 --temp 0\n\n"
        "Environment:\n"
        "  HEKLA_CAPS   switches off what a device can do, such as int_dot=0\n"
        "  XDG_CACHE_HOME\n"
        "               keeps what the self-test and tuning found, and compiled kernels, in\n"
        "               hekla/; else ~/.cache does\n"
        "  XDG_DATA_HOME\n"
        "               keeps runs of bench, in hekla/bench/; else ~/.local/share does\n"
        "  HEKLA_LAYERS 1: let implicit Vulkan layers (overlays) in\n"
        "  NO_COLOR     no colours\n"
        "  GGML_VK_VISIBLE_DEVICES, VK_DRIVER_FILES, MESA_VK_DEVICE_SELECT and the Vulkan\n"
        "               loader's other variables work as everywhere\n\n"
        "Exit codes:\n"
        "  0    success\n"
        "  1    a file cannot be read or written, is not valid, or is not supported\n"
        "  2    wrong usage: an unknown flag, a bad value, a prompt that does not fit\n"
        "  3    no usable device\n"
        "  4    not enough memory on the device or the host\n"
        "  5    a kernel fails its self-test on the device, and there is nothing instead\n"
        "  6    the device failed, hung, or was lost twice\n"
        "  130  ended by Ctrl-C\n");
    return CLI_OK;
}

static int version(void)
{
#ifdef HEKLA_BUILD
    cli_writef("hekla %s (%s)\n", hekla_version(), HEKLA_BUILD);
#else
    cli_writef("hekla %s\n", hekla_version());
#endif
    return CLI_OK;
}

static const struct cli_command *find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int fail_unknown(const char *name)
{
    const char *best = "help";
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (cli_edit_distance(name, commands[i].name) < cli_edit_distance(name, best))
            best = commands[i].name;
    return cli_fail(CLI_USAGE,
        "unknown command \"%s\"; did you mean %s? (\"hekla --help\" lists all)", name, best);
}

static int help_command(int argc, char **argv)
{
    static char flag[] = "--help";
    if (argc < 2)
        return help();
    const struct cli_command *command = find(argv[1]);
    if (!command)
        return fail_unknown(argv[1]);
    return command->run(2, (char *[]){argv[1], flag, NULL});
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help();
    if (strcmp(argv[1], "--version") == 0)
        return version();
    if (strcmp(argv[1], "help") == 0)
        return help_command(argc - 1, argv + 1);
    if (argv[1][0] == '-')
        return cli_run(argc, argv);
    const struct cli_command *command = find(argv[1]);
    return command ? command->run(argc - 1, argv + 1) : fail_unknown(argv[1]);
}

/* Overlays hook every program that opens Vulkan, and some crash those that only compute. Mesa's
 * device selection is an implicit layer too: whoever sets it wants it. */
static void keep_overlays_out(void)
{
    const char *let_in = getenv("HEKLA_LAYERS");
    if ((!let_in || strcmp(let_in, "1") != 0) && !getenv("MESA_VK_DEVICE_SELECT"))
        setenv("VK_LOADER_LAYERS_DISABLE", "~implicit~", 0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], HEKLA_HELPER) == 0)
        return hekla_helper_main(argc, argv);
    keep_overlays_out();
    cli_interrupt_open();
    int code = dispatch(argc, argv);
    int written = cli_write_status();
    return code != CLI_OK ? code : written;
}
