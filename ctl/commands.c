/* SPDX-License-Identifier: BSD-3-Clause */
// The commands. Everything that is said about a command is said here, once.
#include "cmd.h"

#define END                  \
	{                    \
		.name = NULL \
	}

const struct parameter global_options[] = {
        {"json", VALUE_NONE, NULL, NULL, NULL, "print JSON, as the switch gave it", 0, 'j'},
        {"socket", VALUE_FILE, "PATH", NULL, NULL,
                "control socket; default $ORRERY_SOCKET or /run/orrery/orrery.sock", 0, 's'},
        {"timeout", VALUE_TEXT, "DURATION", NULL, NULL, "longest wait for the switch; default 10s",
                0, 0},
        {"help", VALUE_NONE, NULL, NULL, NULL, "print help", 0, 'h'},
        {"version", VALUE_NONE, NULL, NULL, NULL, "print the version of this program", 0, 'V'},
        END,
};

static const struct parameter node_add_args[] = {
        {"NAME", VALUE_NODE, NULL, NULL, "name", "name of the node, such as sat-3-17", 0, 0},
        {"KIND", VALUE_CHOICE, NULL, "pod router", "kind",
                "pod: frames go to a pod as they are; router: the switch forwards IPv6 for it", 0,
                0},
        END,
};
static const struct parameter node_add_keywords[] = {
        {"address", VALUE_TEXT, "ADDRESS", NULL, "address", "a router's own IPv6 address", 0, 0},
        {"interface", VALUE_TEXT, "NAME", NULL, "interfaces",
                "interface to add; may be given again", PARAMETER_REPEATED, 0},
        END,
};
static const struct parameter node_args[] = {
        {"NODE", VALUE_NODE, NULL, NULL, "name", "name of the node", 0, 0},
        END,
};
static const struct parameter node_del_options[] = {
        {"force", VALUE_TRUE, NULL, NULL, "force", "also when ports or links are plugged in", 0,
                'f'},
        END,
};
static const struct parameter match_args[] = {
        {"MATCH", VALUE_TEXT, NULL, NULL, "match", "pattern such as 'sat-3-*'", PARAMETER_OPTIONAL,
                0},
        END,
};
static const struct parameter node_list_options[] = {
        {"kind", VALUE_CHOICE, "KIND", "pod router", "kind", "only nodes of this kind", 0, 'k'},
        END,
};
static const struct parameter help_args[] = {
        {"COMMAND", VALUE_COMMAND, NULL, NULL, NULL, "words of a command",
                PARAMETER_OPTIONAL | PARAMETER_REPEATED, 0},
        END,
};

const struct command commands[] = {
        {"node add", "Add a node, or interfaces to one.",
                "Adding what is there already changes nothing. Another kind or address is an "
                "error.",
                "  orrery node add sat-0-0 router address fd00::1 interface isl0 interface isl1",
                node_add_args, NULL, node_add_keywords, cmd_node_add, false},
        {"node del", "Delete a node with its interfaces.", NULL, NULL, node_args, node_del_options,
                NULL, cmd_node_del, false},
        {"node show", "Show one node and its interfaces.", NULL, NULL, node_args, NULL, NULL,
                cmd_node_show, false},
        {"node list", "List nodes.", NULL, NULL, match_args, node_list_options, NULL, cmd_node_list,
                false},
        {"version", "Show the versions of this program and of the switch.", NULL, NULL, NULL, NULL,
                NULL, cmd_version, false},
        {"help", "Show help about a command.", NULL, NULL, help_args, NULL, NULL, cmd_help, false},
        {.words = NULL},
};
