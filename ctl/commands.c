/* SPDX-License-Identifier: BSD-3-Clause */
// The commands. Everything that is said about a command is said here, once.
#include "cmd.h"
#include "scenario_cmd.h"

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

static const struct parameter scenario_args[] = {
        {"FILE", VALUE_FILE, NULL, NULL, NULL, "scenario, see docs/scenarios.md", 0, 0},
        END,
};
static const struct parameter scenario_show_options[] = {
        {"at", VALUE_TEXT, "T", NULL, NULL,
                "time: 10min after the scenario's start, or in UTC; default its start", 0, 0},
        END,
};
static const struct parameter scenario_path_options[] = {
        {"from", VALUE_TEXT, "NODE", NULL, NULL, "where the path starts", 0, 0},
        {"to", VALUE_TEXT, "NODE", NULL, NULL, "where it ends", 0, 0},
        {"at", VALUE_TEXT, "T", NULL, NULL,
                "time: 10min after the scenario's start, or in UTC; default its start", 0, 0},
        {"speed", VALUE_TEXT, "N", NULL, NULL,
                "links move at this speed while the frame flies; default 1", 0, 0},
        END,
};
static const struct parameter scenario_run_options[] = {
        {"speed", VALUE_TEXT, "N", NULL, NULL, "simulated seconds a second; default 1", 0, 0},
        {"from", VALUE_TEXT, "T", NULL, NULL,
                "time to begin at: 10min after the scenario's start, or in UTC", 0, 0},
        {"duration", VALUE_TEXT, "D", NULL, NULL,
                "simulated time to play; default to the scenario's end", 0, 0},
        {"clean", VALUE_NONE, NULL, NULL, NULL, "delete the scenario's nodes at the end", 0, 0},
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
        {"scenario check", "Check a scenario file.",
                "Says file, line and key of the first thing that is wrong. Needs no switch.", NULL,
                scenario_args, NULL, NULL, cmd_scenario_check, false},
        {"scenario show", "Show satellites, links and delays at a time.", "Needs no switch.",
                "  orrery scenario show config/scenarios/iridium.scenario --at 10min",
                scenario_args, scenario_show_options, NULL, cmd_scenario_show, false},
        {"scenario path", "Compute the path and round trip between two nodes at a time.",
                "From the geometry alone: needs no switch.",
                "  orrery scenario path config/scenarios/iridium.scenario --from bonn --to newyork",
                scenario_args, scenario_path_options, NULL, cmd_scenario_path, false},
        {"scenario run", "Play a scenario into the switch.",
                "Makes the nodes that are missing, then commits epochs as the satellites move. "
                "Stops at the scenario's end, on SIGINT or SIGTERM; what it made stays unless "
                "--clean is given.",
                "  orrery scenario run config/scenarios/iridium.scenario --speed 60", scenario_args,
                scenario_run_options, NULL, cmd_scenario_run, false},
        {"scenario clean", "Delete a scenario's nodes with their ports and links.", NULL, NULL,
                scenario_args, NULL, NULL, cmd_scenario_clean, false},
        {"version", "Show the versions of this program and of the switch.", NULL, NULL, NULL, NULL,
                NULL, cmd_version, false},
        {"help", "Show help about a command.", NULL, NULL, help_args, NULL, NULL, cmd_help, false},
        {.words = NULL},
};
