/* SPDX-License-Identifier: BSD-3-Clause */
// The environment of the plugin, checked as the reference library (pkg/skel) checks it.
#include "env.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BIT(verb) (1u << (verb))

static const char *const verb_names[] = {
        [CNI_ADD] = "ADD",
        [CNI_DEL] = "DEL",
        [CNI_CHECK] = "CHECK",
        [CNI_STATUS] = "STATUS",
        [CNI_GC] = "GC",
        [CNI_VERSION] = "VERSION",
};

#define N_VERBS (sizeof(verb_names) / sizeof(verb_names[0]))

// Which command needs which variable.
static const struct {
	const char *name;
	size_t offset;
	unsigned verbs;
} needs[] = {
        {"CNI_CONTAINERID", offsetof(struct cni_env, containerid),
                BIT(CNI_ADD) | BIT(CNI_DEL) | BIT(CNI_CHECK)},
        {"CNI_NETNS", offsetof(struct cni_env, netns), BIT(CNI_ADD) | BIT(CNI_CHECK)},
        {"CNI_IFNAME", offsetof(struct cni_env, ifname),
                BIT(CNI_ADD) | BIT(CNI_DEL) | BIT(CNI_CHECK)},
        {"CNI_PATH", offsetof(struct cni_env, path),
                BIT(CNI_ADD) | BIT(CNI_DEL) | BIT(CNI_CHECK) | BIT(CNI_STATUS) | BIT(CNI_GC)},
};

// Keys of CNI_ARGS that runtimes send and we know.
static const char *const known_args[] = {
        "IgnoreUnknown",
        "IP",
        "MAC",
        "K8S_POD_NAME",
        "K8S_POD_NAMESPACE",
        "K8S_POD_UID",
        "K8S_POD_INFRA_CONTAINER_ID",
};

const char *cni_verb_name(enum cni_verb verb)
{
	return verb_names[verb];
}

void cni_env_read(struct cni_env *env, char *(*get)(const char *name))
{
	const struct {
		const char *name;
		const char **value;
	} table[] = {
	        {"CNI_COMMAND", &env->command},
	        {"CNI_CONTAINERID", &env->containerid},
	        {"CNI_NETNS", &env->netns},
	        {"CNI_IFNAME", &env->ifname},
	        {"CNI_ARGS", &env->args},
	        {"CNI_PATH", &env->path},
	};
	const char *override = get("CNI_NETNS_OVERRIDE");

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *value = get(table[i].name);

		*table[i].value = value ? value : "";
	}
	env->netns_override =
	        override && (strcmp(override, "1") == 0 || strcasecmp(override, "true") == 0);
}

bool cni_id_is_valid(const char *id)
{
	if (!isalnum((unsigned char)id[0]))
		return false;
	for (; *id; id++) {
		if (!isalnum((unsigned char)*id) && !strchr("_.-", *id))
			return false;
	}
	return true;
}

static bool ifname_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 1 || len > CNI_IFNAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (; *name; name++) {
		// the kernel takes other bytes too, but they cannot be written into JSON
		if (strchr("/:", *name) || !isgraph((unsigned char)*name))
			return false;
	}
	return true;
}

static int check_missing(const struct cni_env *env, enum cni_verb verb, struct cni_error *err)
{
	char list[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const char *const *value = (const void *)((const char *)env + needs[i].offset);

		if ((needs[i].verbs & BIT(verb)) && !**value)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
			        len ? "," : "", needs[i].name);
	}
	if (!len)
		return 0;
	return cni_fail(err, CNI_E_ENV, NULL, "%s needs environment variables that are missing: %s",
	        verb_names[verb], list);
}

int cni_env_check(const struct cni_env *env, enum cni_verb *ret_verb, struct cni_error *err)
{
	size_t verb = 0;
	int ret;

	while (verb < N_VERBS && strcmp(verb_names[verb], env->command) != 0)
		verb++;
	if (verb == N_VERBS)
		return cni_fail(err, CNI_E_ENV, NULL, "CNI_COMMAND '%.32s' is not a command of CNI",
		        env->command);
	*ret_verb = (enum cni_verb)verb;
	ret = check_missing(env, *ret_verb, err);
	// podman asks for VERSION with dummies in the other variables
	if (ret || !(needs[0].verbs & BIT(verb)))
		return ret;
	if (!cni_id_is_valid(env->containerid))
		return cni_fail(err, CNI_E_ENV, env->containerid,
		        "CNI_CONTAINERID may hold letters, digits, '_', '.' and '-' only");
	if (!ifname_is_valid(env->ifname))
		return cni_fail(err, CNI_E_ENV, env->ifname,
		        "CNI_IFNAME is not an interface name: 1 to 15 characters, no '/', ':' or "
		        "space");
	return 0;
}

// Next pair of CNI_ARGS from `*pos`; false at the end. `ret_eq` is NULL without '='.
static bool args_next(const char **pos, const char **ret_pair, size_t *ret_len, const char **ret_eq)
{
	const char *start = *pos;
	size_t len;

	while (*start == ';')
		start++;
	if (!*start)
		return false;
	len = strcspn(start, ";");
	*ret_pair = start;
	*ret_len = len;
	*ret_eq = memchr(start, '=', len);
	*pos = start + len;
	return true;
}

const char *cni_args_find(const char *args, const char *key, size_t key_len, size_t *ret_len)
{
	const char *pair, *eq;
	size_t len;

	while (args_next(&args, &pair, &len, &eq)) {
		if (!eq || (size_t)(eq - pair) != key_len || memcmp(pair, key, key_len) != 0)
			continue;
		*ret_len = len - key_len - 1;
		return *ret_len ? eq + 1 : NULL;
	}
	return NULL;
}

static bool arg_is_known(const char *key, size_t len)
{
	for (size_t i = 0; i < sizeof(known_args) / sizeof(known_args[0]); i++) {
		if (strlen(known_args[i]) == len && memcmp(known_args[i], key, len) == 0)
			return true;
	}
	return false;
}

static bool ignore_unknown(const char *args)
{
	size_t len;
	const char *value = cni_args_find(args, "IgnoreUnknown", strlen("IgnoreUnknown"), &len);

	return value &&
	       ((len == 1 && *value == '1') || (len == 4 && strncasecmp(value, "true", 4) == 0));
}

int cni_args_check(const char *args, bool (*is_used)(const char *key, size_t len, void *arg),
        void *arg, struct cni_error *err)
{
	bool lax = ignore_unknown(args);
	const char *pair, *eq;
	size_t len;

	while (args_next(&args, &pair, &len, &eq)) {
		int shown = len > 64 ? 64 : (int)len;

		if (!eq)
			return cni_fail(err, CNI_E_ENV, NULL,
			        "CNI_ARGS: '%.*s' is not of the form KEY=VALUE", shown, pair);
		if (!lax && !arg_is_known(pair, (size_t)(eq - pair)) &&
		        !is_used(pair, (size_t)(eq - pair), arg))
			return cni_fail(err, CNI_E_ENV, NULL,
			        "CNI_ARGS: '%.*s' is not known here and IgnoreUnknown is not set",
			        shown, pair);
	}
	return 0;
}
