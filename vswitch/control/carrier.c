/* SPDX-License-Identifier: BSD-3-Clause */
// Links of ports that follow them, to the ports' carrier.
#include "carrier.h"

#include <errno.h>
#include <event2/event.h>
#include <time.h>
#include <utlist.h>

#include "core.h"
#include "log.h"
#include "player.h"

#define TURN_NS 1000000 // before others get theirs
#define PUT_OFF_US 200

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool is_wanted(const struct control *c, const struct switch_port *p)
{
	const struct link *link;

	if (!p->follows)
		return true;
	link = matrix_link(c->matrix, p->iface->id);
	return link != NULL && link->record.to != ORRERY_IFACE_NONE &&
	       (link->record.flags & ORRERY_LINK_UP) != 0;
}

static void show(const struct control *c, struct switch_port *p)
{
	bool up = is_wanted(c, p);
	struct fault fault = {0};

	if ((p->carrier_known && up == p->carrier_up) || p->port.ops->set_carrier == NULL)
		return;
	p->carrier_known = p->port.ops->set_carrier(&p->port, up, &fault) == 0;
	if (p->carrier_known)
		p->carrier_up = up;
	else if (fault.code != -ENODEV) // gone with the pod's namespace is gone too
		log_warning("%s", fault.message);
}

static void drop_first(struct carrier *carrier, struct switch_port *p)
{
	p->carrier_due = false;
	DL_DELETE2(carrier->due, p, due_prev, due_next);
}

static void take_turn(struct control *c)
{
	struct carrier *carrier = &c->carrier;
	uint64_t end_ns = now_ns() + TURN_NS;

	// at least one, so that it ends however busy the player is
	while (carrier->due != NULL) {
		struct switch_port *p = carrier->due;

		drop_first(carrier, p);
		show(c, p);
		if (carrier->event != NULL &&
		        (now_ns() > end_ns || player_busy_within(c->player, TURN_NS)))
			break;
	}
	if (carrier->due != NULL)
		(void)event_add(carrier->event, &(struct timeval){.tv_usec = PUT_OFF_US});
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	take_turn(arg);
}

static void put_due(struct carrier *carrier, struct switch_port *p)
{
	if (p->carrier_due)
		return;
	p->carrier_due = true;
	DL_APPEND2(carrier->due, p, due_prev, due_next);
}

static void schedule(struct control *c)
{
	struct carrier *carrier = &c->carrier;

	if (carrier->due == NULL || carrier->held)
		return;
	if (carrier->event == NULL)
		take_turn(c);
	else
		event_active(carrier->event, EV_TIMEOUT, 0);
}

int carrier_init(struct control *c, struct fault *fault)
{
	c->carrier = (struct carrier){.held = true};
	if (c->base == NULL)
		return 0;
	c->carrier.event = evtimer_new(c->base, on_turn, c);
	return c->carrier.event != NULL ? 0 : fault_set(fault, -ENOMEM, NULL, "no memory");
}

void carrier_fini(struct control *c)
{
	if (c->carrier.event != NULL)
		event_free(c->carrier.event);
	c->carrier.event = NULL;
}

void carrier_start(struct control *c)
{
	c->carrier.held = false;
	schedule(c);
}

int carrier_check(const struct switch_port *p, struct fault *fault)
{
	if (p->iface->node->kind == NODE_KIND_ROUTER)
		return fault_set(fault, -EINVAL, "carrier",
		        "'%s' is a router's: it answers there whatever its links are", p->port.ref);
	if (p->port.ops->set_carrier == NULL)
		return fault_set(fault, -ENOTSUP, "carrier",
		        "ports of %s cannot be shown that a link is down", p->port.ops->name);
	return 0;
}

void carrier_plug(struct control *c, struct switch_port *p)
{
	if (p->follows)
		matrix_watch(c->matrix, p->iface->id, true);
	if (c->carrier.held)
		put_due(&c->carrier, p);
	else
		show(c, p);
}

void carrier_unplug(struct control *c, struct switch_port *p)
{
	matrix_watch(c->matrix, p->iface->id, false);
	if (p->carrier_due)
		drop_first(&c->carrier, p);
}

void carrier_links_changed(struct control *c)
{
	uint32_t n, id;

	for (n = 0; matrix_take_watched(c->matrix, &id); n++) {
		const struct iface *iface = model_iface(&c->model, id);

		if (iface != NULL && iface->port != NULL)
			put_due(&c->carrier, iface->port);
	}
	if (n > 0)
		schedule(c);
}
