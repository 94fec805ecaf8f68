/* SPDX-License-Identifier: BSD-3-Clause */
// What the kernel can: BPF, AF_XDP, and a veth pair with an XDP program in a namespace of its own.
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "doctor.h"

#define KERNEL_MIN 515 // major * 100 + minor
#define KERNEL_TESTED 601
#define CHILD_TIMEOUT_S 10
#define MESSAGE_SIZE 8192 // as libmnl takes it, which asks the page size

#define NEEDS_ROOT "not tried: needs root"

void check_kernel(const struct doctor *doctor, struct finding *finding)
{
	char release[128];
	unsigned major, minor;

	if (host_read(doctor, "/proc/sys/kernel/osrelease", release, sizeof(release)) != 0 ||
	        sscanf(release, "%u.%u", &major, &minor) != 2) {
		finding_set(finding, LEVEL_WARN, "the version cannot be read");
		return;
	}
	unsigned version = major * 100 + minor;

	finding_set(finding,
	        version < KERNEL_MIN      ? LEVEL_FAIL
	        : version < KERNEL_TESTED ? LEVEL_WARN
	                                  : LEVEL_OK,
	        "Linux %s", release);
	if (finding->level != LEVEL_OK)
		finding_fix(finding, "install linux-image-amd64 of Debian 12 or later");
}

// The smallest XDP program: let the frame pass. Returns a descriptor or -errno.
static int load_program(void)
{
	const struct bpf_insn program[] = {
	        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
	        {.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.insn_cnt = sizeof(program) / sizeof(program[0]);
	attr.license = (uint64_t)(uintptr_t) "Dual BSD/GPL";
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

void check_bpf(const struct doctor *doctor, struct finding *finding)
{
	int fd = load_program();

	if (fd >= 0) {
		close(fd);
		finding_set(finding, LEVEL_OK, "an XDP program loads");
	} else if (!doctor->is_root && (fd == -EPERM || fd == -EACCES)) {
		finding_set(finding, LEVEL_OK, NEEDS_ROOT);
	} else {
		finding_set(finding, LEVEL_FAIL, "an XDP program does not load: %s", strerror(-fd));
		finding_fix(finding,
		        fd == -ENOSYS ? "a kernel with CONFIG_BPF_SYSCALL"
		                      : "CAP_BPF and CAP_NET_ADMIN, and no lockdown of the kernel");
	}
}

void check_bpf_jit(const struct doctor *doctor, struct finding *finding)
{
	uint64_t value;

	// kernels that always compile do not have the file
	if (host_read_u64(doctor, "/proc/sys/net/core/bpf_jit_enable", &value) != 0 || value != 0) {
		finding_set(finding, LEVEL_OK, "programs are compiled");
		return;
	}
	finding_set(finding, LEVEL_WARN, "programs are interpreted");
	finding_fix(finding, "sysctl -w net.core.bpf_jit_enable=1");
}

void check_af_xdp(const struct doctor *doctor, struct finding *finding)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		close(fd);
		finding_set(finding, LEVEL_OK, "a socket opens");
		return;
	}
	int err = errno;

	if (!doctor->is_root && err == EPERM) {
		finding_set(finding, LEVEL_OK, NEEDS_ROOT);
		return;
	}
	finding_set(finding, LEVEL_FAIL, "no socket: %s", strerror(err));
	finding_fix(
	        finding, err == EAFNOSUPPORT ? "a kernel with CONFIG_XDP_SOCKETS" : "CAP_NET_RAW");
}

// Sends one request and waits for its acknowledgement. 0 or -errno.
static int talk(struct mnl_socket *nl, struct nlmsghdr *request)
{
	char answer[MESSAGE_SIZE];

	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	ssize_t n = mnl_socket_recvfrom(nl, answer, sizeof(answer));

	if (n < 0)
		return -errno;
	return mnl_cb_run(answer, (size_t)n, request->nlmsg_seq, mnl_socket_get_portid(nl), NULL,
	               NULL) < 0
	               ? -errno
	               : 0;
}

static struct nlmsghdr *link_request(char *buf, uint16_t type, uint16_t flags, int index)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	request->nlmsg_type = type;
	request->nlmsg_flags = flags;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = index;
	return request;
}

static int add_veth(struct mnl_socket *nl)
{
	char buf[MESSAGE_SIZE];
	struct nlmsghdr *request = link_request(buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);

	mnl_attr_put_strz(request, IFLA_IFNAME, "doctor0");
	struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO);

	mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	struct nlattr *peer = mnl_attr_nest_start(request, VETH_INFO_PEER);

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, "doctor1");
	mnl_attr_nest_end(request, peer);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
	return talk(nl, request);
}

static int attach_program(struct mnl_socket *nl, int program)
{
	char buf[MESSAGE_SIZE];
	struct nlmsghdr *request =
	        link_request(buf, RTM_SETLINK, 0 /* flags */, (int)if_nametoindex("doctor0"));
	struct nlattr *xdp = mnl_attr_nest_start(request, IFLA_XDP);

	mnl_attr_put_u32(request, IFLA_XDP_FD, (uint32_t)program);
	mnl_attr_put_u32(request, IFLA_XDP_FLAGS, XDP_FLAGS_DRV_MODE);
	mnl_attr_nest_end(request, xdp);
	return talk(nl, request);
}

enum veth_step { STEP_NAMESPACE, STEP_NETLINK, STEP_VETH, STEP_PROGRAM, STEP_ATTACH, STEP_DONE };

struct veth_result {
	enum veth_step step; // that failed, or STEP_DONE
	int err;
	int64_t veth_ns; // what the pair took
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

// In the child: everything made here goes with its namespace.
static struct veth_result try_veth(void)
{
	struct veth_result r = {.step = STEP_NAMESPACE};

	if (unshare(CLONE_NEWNET) != 0) {
		r.err = errno;
		return r;
	}
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	r.step = STEP_NETLINK;
	if (nl == NULL || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		r.err = errno;
		return r;
	}
	int64_t start_ns = now_ns();

	r.step = STEP_VETH;
	r.err = -add_veth(nl);
	r.veth_ns = now_ns() - start_ns;
	if (r.err != 0)
		return r;
	int program = load_program();

	r.step = STEP_PROGRAM;
	if (program < 0) {
		r.err = -program;
		return r;
	}
	r.step = STEP_ATTACH;
	r.err = -attach_program(nl, program);
	if (r.err == 0)
		r.step = STEP_DONE;
	return r;
}

static int run_child(struct veth_result *ret)
{
	int fds[2], err = 0;

	if (pipe2(fds, 0 /* flags */) != 0)
		return -errno;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(CHILD_TIMEOUT_S);
		struct veth_result result = try_veth();
		ssize_t n = write(fds[1], &result, sizeof(result));

		_exit(n == (ssize_t)sizeof(result) ? 0 : 1);
	}
	if (pid < 0)
		err = -errno;
	close(fds[1]);
	if (err == 0 && read(fds[0], ret, sizeof(*ret)) != (ssize_t)sizeof(*ret))
		err = -ETIMEDOUT;
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return err;
}

void check_veth(const struct doctor *doctor, struct finding *finding)
{
	static const char *const steps[] = {[STEP_NAMESPACE] = "no network namespace",
	        [STEP_NETLINK] = "no netlink socket",
	        [STEP_VETH] = "no veth pair",
	        [STEP_PROGRAM] = "no XDP program",
	        [STEP_ATTACH] = "no XDP program on a veth"};
	struct veth_result result = {0};

	if (!doctor->is_root) {
		finding_set(finding, LEVEL_OK, NEEDS_ROOT);
		return;
	}
	int err = run_child(&result);

	if (err != 0) {
		finding_set(finding, LEVEL_WARN, "the trial did not end: %s", strerror(-err));
	} else if (result.step != STEP_DONE) {
		finding_set(
		        finding, LEVEL_FAIL, "%s: %s", steps[result.step], strerror(result.err));
		finding_fix(finding,
		        result.step == STEP_VETH
		                ? "modprobe veth"
		                : "a kernel with namespaces, veth and XDP, and CAP_SYS_ADMIN");
	} else {
		finding_set(finding, LEVEL_OK,
		        "a pair in a namespace of its own in %.1f ms, XDP attached",
		        (double)result.veth_ns / 1e6);
	}
}
