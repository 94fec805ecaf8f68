/* SPDX-License-Identifier: BSD-3-Clause */
// The functions behind the rows of commands.c. Each prints its result to cli->out, or says on
// cli->err what failed.
#pragma once

#include "command.h"

#define CMD(name) enum cli_exit cmd_##name(struct cli *cli, const struct invocation *in)

CMD(bench_attach);
CMD(call);
CMD(complete_line);
CMD(completion);
CMD(config_check);
CMD(config_show);
CMD(doctor);
CMD(help);
CMD(interface_list);
CMD(link_del);
CMD(link_list);
CMD(link_pin);
CMD(link_set);
CMD(link_show);
CMD(link_unpin);
CMD(log_level);
CMD(man_page);
CMD(matrix_check);
CMD(matrix_commit);
CMD(matrix_show);
CMD(node_add);
CMD(node_del);
CMD(node_list);
CMD(node_show);
CMD(play);
CMD(play_pause);
CMD(play_resume);
CMD(play_seek);
CMD(play_status);
CMD(play_step);
CMD(play_stop);
CMD(port_add);
CMD(port_del);
CMD(port_list);
CMD(port_show);
CMD(route_add);
CMD(route_del);
CMD(route_get);
CMD(route_list);
CMD(route_path);
CMD(route_policy);
CMD(shutdown);
CMD(stats);
CMD(stats_drops);
CMD(stats_workers);
CMD(top);
CMD(verify);
CMD(version);
CMD(worker_list);
