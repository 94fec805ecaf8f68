/* SPDX-License-Identifier: BSD-3-Clause */
// orrery doctor: from the command line to the checks.
#include <unistd.h>

#include "cmd.h"
#include "doctor.h"
#include "json_get.h"

#define PORTS_DEFAULT 10000
#define PORTS_MAX 1000000

CMD(doctor)
{
	struct doctor doctor = {
	        .root = "", .n_ports = PORTS_DEFAULT, .is_root = geteuid() == 0, .cli = cli};

	if (invocation_option(in, "ports") != NULL)
		doctor.n_ports = (uint64_t)get_int(in->params, "ports");
	if (doctor.n_ports == 0 || doctor.n_ports > PORTS_MAX)
		return cli_usage(cli, "--ports: expected 1 to %d", PORTS_MAX);
	return doctor_run(cli, &doctor);
}
