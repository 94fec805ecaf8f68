/* SPDX-License-Identifier: BSD-3-Clause */
// The switch that runs now, if one does.
#include <errno.h>
#include <inttypes.h>

#include "client.h"
#include "doctor.h"
#include "json_get.h"

#define TIMEOUT_MS 3000

static void describe(struct client *client, const json_t *version, struct finding *finding)
{
	json_t *ports = NULL, *config = NULL;
	int64_t n_ports = -1, max_ports = 0, n_workers = get_int(version, "workers");

	if (client_call(client, "port.list", json_pack("{s:i}", "limit", 1), NULL /* fds */, 0,
	            &ports, NULL /* fault */) == 0)
		n_ports = get_int(ports, "total");
	if (client_call(client, "config.show", NULL /* params */, NULL /* fds */, 0, &config,
	            NULL /* fault */) == 0)
		max_ports = get_int(json_object_get(config, "limits"), "max_ports");
	json_decref(ports);
	json_decref(config);
	finding_set(finding, LEVEL_OK,
	        "version %s up %" PRId64 " s, %" PRId64 " worker%s, %" PRId64 " of %" PRId64
	        " ports, memory: %s",
	        get_text(version, "version"), get_int(version, "uptime_s"), n_workers,
	        n_workers == 1 ? "" : "s", n_ports, max_ports, get_text(version, "memory"));
	if (get_int(version, "api") != 1) {
		finding->level = LEVEL_WARN;
		finding_fix(finding,
		        "this program speaks API 1, the switch %" PRId64
		        ": install the same version of both",
		        get_int(version, "api"));
	}
}

void check_switch(const struct doctor *doctor, struct finding *finding)
{
	struct client *client;
	struct fault fault;
	json_t *version = NULL;

	if (doctor->cli == NULL) {
		finding_set(finding, LEVEL_OK, "not asked");
		return;
	}
	int err = client_connect(doctor->cli->socket_path, TIMEOUT_MS, &client, &fault);

	if (err == -ENOENT || err == -ECONNREFUSED) {
		finding_set(finding, LEVEL_OK, "none runs");
		return;
	}
	if (err != 0) {
		finding_set(finding, LEVEL_WARN, "%s", fault.message);
		return;
	}
	if (client_call(client, "version", NULL /* params */, NULL /* fds */, 0, &version,
	            &fault) == 0) {
		describe(client, version, finding);
	} else {
		finding_set(finding, LEVEL_FAIL, "it does not answer: %s", fault.message);
		finding_fix(finding, "see its log: journalctl -u orrery");
	}
	json_decref(version);
	client_close(client);
}
