/* SPDX-License-Identifier: BSD-3-Clause */
// One table of commands (commands.c). From it come dispatch, the checks of what was typed, --help
// at each level, bash completion and the man page; a new command is a new row and a function.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli.h"

// How a value is read, what completion offers for it, and what an error says was expected.
enum value_kind {
	VALUE_NONE, // a flag: the word alone; so are the next three
	VALUE_TRUE, // sets its param to true,
	VALUE_FALSE, // to false,
	VALUE_NULL, // to null
	VALUE_TEXT,
	VALUE_CHOICE, // one of `choices`
	VALUE_NODE,
	VALUE_INTERFACE, // NODE/INTERFACE
	VALUE_END, // NODE/INTERFACE, or NODE where that names one link
	VALUE_FILE, // "-" is standard input
	VALUE_INTEGER,
	VALUE_DURATION_NS,
	VALUE_DURATION_US,
	VALUE_SLOPE, // a duration with sign a second: "-3.4us/s"
	VALUE_RATE,
	VALUE_QUEUE, // "64k" bytes or "100p" packets
	VALUE_PROBABILITY,
	VALUE_METHOD,
	VALUE_COMMAND, // words of this table (help)
};

enum parameter_flag {
	PARAMETER_OPTIONAL = 1 << 0,
	PARAMETER_REPEATED = 1 << 1,
};

// An argument, an option or a keyword of a command. Tables end with a row without name.
struct parameter {
	const char *name; // argument "NODE"; option "watch" (typed --watch); keyword "delay"
	enum value_kind kind;
	const char *value; // what stands for the value in a help text: "DURATION"; NULL for a flag
	const char *choices; // VALUE_CHOICE: words with a space between
	const char *param; // the request's parameter it becomes; NULL: the command reads it itself
	const char *summary;
	unsigned flags; // enum parameter_flag
	char letter; // option: its short form, 0 if none
};

struct invocation;

struct command {
	const char *words; // "link set"
	const char *summary;
	const char *detail; // more sentences for help and man page, NULL if none
	const char *example; // lines of command and comment for help and man page, NULL if none
	const struct parameter *args; // in order; NULL if none
	const struct parameter *options; // besides the global ones; NULL if none
	// "delay 4ms" behind the arguments, any order; NULL if none
	const struct parameter *keywords;
	enum cli_exit (*run)(struct cli *cli, const struct invocation *in);
	bool hidden; // not in help, completion and man page
};

struct keyword_use {
	const struct parameter *keyword;
	const char *value; // NULL for a flag
};

// What was typed, after the checks that the table allows. Borrows argv.
struct invocation {
	const struct command *command;
	const char **args; // the arguments, without options and keywords
	size_t n_args;
	const char *
	        *option_values; // by position in command->options; NULL if not given, "" for a flag
	struct keyword_use *keywords; // in the order typed
	size_t n_keywords;
	json_t *params; // converted values of all that have a `param`
};

// Ends with a row without words.
extern const struct command commands[];
extern const struct parameter global_options[];

bool value_is_flag(enum value_kind kind);

// The command that the first words name and how many words that took; NULL if none does.
const struct command *command_find(const char *const *words, size_t n_words, size_t *ret_n_used);
// Whether commands of two words begin with this one.
bool command_is_group(const char *word);

// Reads what stands behind the command's words. CLI_OK, or CLI_USAGE after saying what was
// expected.
enum cli_exit invocation_init(
        struct invocation *in, struct cli *cli, const struct command *command, char **argv);
void invocation_fini(struct invocation *in);

// Reads one option at *argv and moves behind it; global options take effect in `cli`. Returns as
// above.
enum cli_exit option_parse(struct cli *cli, const struct parameter *options, char ***argv,
        const struct parameter **ret_option, const char **ret_value);

// Argument number `i`, or NULL.
const char *invocation_arg(const struct invocation *in, size_t i);
// Value of an option ("" for a flag), or NULL if it was not given.
const char *invocation_option(const struct invocation *in, const char *name);
// Whether the keyword was typed; `ret_value` (NULL allowed) gets its last value.
bool invocation_keyword(const struct invocation *in, const char *name, const char **ret_value);

// A new object (caller decrefs) with the values of all parameters that have a `param`.
json_t *invocation_params(const struct invocation *in);

// Reads `text` as `parameter` says and sets its `param`, if it has one, in `params`. CLI_OK, or
// CLI_USAGE after saying which word was wrong and what was expected.
enum cli_exit value_set(
        struct cli *cli, const struct parameter *parameter, const char *text, json_t *params);
