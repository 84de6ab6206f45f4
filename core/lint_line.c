/* SPDX-License-Identifier: Apache-2.0
 *
 * The FPMUser line that does what a chain and its pool do. Each key of the pool is written
 * as KEY=VALUE where the directive takes it; what it does not take is listed, never left
 * out in silence. Entry points: fpmp_lint_lines, fpmp_lint_say_lines.
 */
#include "lint.h"

#include <string.h>
#include <strings.h>

/* What the line itself says, or the module derives. */
static int is_derived(const fpmp_key_t *key)
{
    static const char *const names[] = { "user", "group", "security.limit_extensions" };
    static const char *const ini[] = { "opcache.validate_permission", "cgi.fix_pathinfo" };
    apr_size_t i;

    for (i = 0; !key->subkey && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(key->name, names[i]) == 0) {
            return 1;
        }
    }
    if (strcasecmp(key->name, "pm.status_path") == 0 &&
        strcmp(key->value, FPMP_STATUS_PATH) == 0) {
        return 1;
    }
    for (i = 0; key->subkey && i < sizeof(ini) / sizeof(ini[0]); i++) {
        if (strcmp(key->name, "php_admin_value") == 0 && strcmp(key->subkey, ini[i]) == 0 &&
            strcmp(key->value, "1") == 0) {
            return 1;
        }
    }
    return strncasecmp(key->name, "listen", 6) == 0;
}

/* As httpd reads one word. */
static const char *quoted(apr_pool_t *p, const char *word)
{
    return strpbrk(word, " \t'#") ? apr_pstrcat(p, "\"", word, "\"", NULL) : word;
}

/* KEY=VALUE, or NULL with why. PHP-FPM's "no" reaches us as an empty value. */
static const char *setting_of(apr_pool_t *p, const fpmp_key_t *key, const char **why)
{
    const char *name = key->subkey ? apr_psprintf(p, "%s[%s]", key->name, key->subkey)
                                   : fpmp_lower(p, key->name);
    const char *word = apr_psprintf(p, "%s=%s", name, key->value);
    fpmp_setting_t setting = { 0 };

    *why = fpmp_setting_parse(p, word, &setting);
    if (*why && !*key->value) {
        word = apr_psprintf(p, "%s=no", name);
        *why = fpmp_setting_parse(p, word, &setting) ? *why : NULL;
    }
    return *why ? NULL : apr_psprintf(p, "%s=%s", name, setting.value);
}

static int has_key(const fpmp_pool_t *pool, const char *name)
{
    return fpmp_pool_key(pool, name) != NULL;
}

/* USER, or USER:GROUP where the group is not the user's own. */
static const char *user_of(apr_pool_t *p, fpmp_hand_t *hand)
{
    const char *user = fpmp_pool_value(hand->pool, "user"),
               *group = fpmp_pool_value(hand->pool, "group");
    const fpmp_user_facts_t *facts = fpmp_hand_user(hand), *wanted;

    if (!user || !*user) {
        hand->why_not = "its pool names no user";
        return NULL;
    }
    if (strspn(user, "0123456789") == strlen(user)) {
        hand->why_not = apr_psprintf(p, "its pool names the user by the number %s", user);
        return NULL;
    }
    if (!group || !*group || !facts || facts->user_lookup != FPMP_LOOKUP_FOUND) {
        return user;
    }
    wanted = apr_hash_get(hand->view->asked->groups, group, APR_HASH_KEY_STRING);
    if (wanted && wanted->group_lookup == FPMP_LOOKUP_FOUND &&
        wanted->gid == facts->primary_gid) {
        return user;
    }
    return apr_pstrcat(p, user, ":", group, NULL);
}

static void push(apr_array_header_t *words, const char *word)
{
    APR_ARRAY_PUSH(words, char *) = apr_pstrdup(words->pool, word);
}

static void push_settings(apr_pool_t *p, apr_array_header_t *words, fpmp_hand_t *hand)
{
    int i;

    for (i = 0; i < hand->pool->keys->nelts; i++) {
        const fpmp_key_t *key = &APR_ARRAY_IDX(hand->pool->keys, i, fpmp_key_t);
        const char *why, *word = is_derived(key) ? NULL : setting_of(p, key, &why);

        if (word) {
            push(words, word);
        }
        else if (!is_derived(key)) {
            APR_ARRAY_PUSH(hand->lost, const char *) =
                apr_psprintf(p, "%s:%d: %s", key->file ? key->file : "PHP-FPM's own print",
                             key->line, why);
        }
    }
    /* The module recycles a worker after 1000 requests, PHP-FPM never. */
    if (!has_key(hand->pool, "pm.max_requests")) {
        push(words, "pm.max_requests=0");
    }
}

/* What FPMDefaults adds to every FPMUser line, and this pool does not have. */
static void list_defaults(const fpmp_plan_t *plan, apr_pool_t *p, fpmp_hand_t *hand)
{
    int i, k;

    for (i = 0; plan->defaults && i < plan->defaults->settings->nelts; i++) {
        const fpmp_setting_t *add =
            &APR_ARRAY_IDX(plan->defaults->settings, i, fpmp_setting_t);

        for (k = 0; k < hand->line->settings->nelts; k++) {
            if (fpmp_setting_same(
                    add, &APR_ARRAY_IDX(hand->line->settings, k, fpmp_setting_t))) {
                break;
            }
        }
        if (k == hand->line->settings->nelts) {
            APR_ARRAY_PUSH(hand->lost, const char *) = apr_psprintf(
                p, "%s:%d: FPMDefaults adds %s=%s", plan->defaults->where.file,
                plan->defaults->where.line, fpmp_setting_key(p, add), add->value);
        }
    }
}

static apr_array_header_t *words_of(const fpmp_plan_t *plan, apr_pool_t *p,
                                    fpmp_hand_t *hand)
{
    apr_array_header_t *words = apr_array_make(p, 16, sizeof(char *));
    const char *user = user_of(p, hand), *ext = apr_array_pstrcat(p, hand->ext, ',');

    if (!user) {
        return NULL;
    }
    push(words, user);
    if (hand->master != APR_ARRAY_IDX(plan->masters, 0, const fpmp_master_t *)) {
        push(words, apr_pstrcat(p, "php=", hand->master->name, NULL));
    }
    if (*ext && strcmp(ext, "php") != 0) {
        push(words, apr_pstrcat(p, "ext=", ext, NULL));
    }
    if (hand->timeout_sec) {
        push(words, apr_psprintf(p, "timeout=%d", hand->timeout_sec));
    }
    push_settings(p, words, hand);
    return words;
}

static void write_line(const fpmp_plan_t *plan, apr_pool_t *p, fpmp_hand_t *hand)
{
    apr_array_header_t *words = words_of(plan, p, hand);
    fpmp_line_t *line = apr_pcalloc(p, sizeof(*line));
    const char *text = "FPMUser";
    int i;

    if (!words) {
        return;
    }
    for (i = 0; i < words->nelts; i++) {
        text = apr_pstrcat(p, text, " ", quoted(p, APR_ARRAY_IDX(words, i, char *)), NULL);
    }
    line->where = fpmp_hand_entry(hand)->where;
    line->host = hand->host->name;
    hand->why_not = fpmp_line_parse(p, line, 1, words->nelts, (char *const *)words->elts);
    if (!hand->why_not) {
        hand->line = line;
        hand->text = text;
        list_defaults(plan, p, hand);
    }
}

void fpmp_lint_lines(const fpmp_plan_t *plan, fpmp_lint_t *lint)
{
    int i;

    for (i = 0; i < lint->hands->nelts; i++) {
        fpmp_hand_t *hand = APR_ARRAY_IDX(lint->hands, i, fpmp_hand_t *);

        if (hand->pool && !hand->why_not) {
            write_line(plan, lint->p, hand);
        }
    }
}

static void say(fpmp_plan_t *plan, const fpmp_hand_t *hand, const char *code,
                const char *seen, const char *mend)
{
    fpmp_finding_add(plan->findings, code, FPMP_LINK_DIRECTIVE, FPMP_NOTICE,
                     fpmp_hand_entry(hand)->where, seen, mend);
}

void fpmp_lint_say_lines(fpmp_plan_t *plan, const fpmp_lint_t *lint)
{
    apr_pool_t *p = plan->pool;
    int i;

    for (i = 0; i < lint->hands->nelts; i++) {
        const fpmp_hand_t *hand = APR_ARRAY_IDX(lint->hands, i, const fpmp_hand_t *);

        if (hand->broken) {
            continue;
        }
        if (hand->why_not) {
            say(plan, hand, "FPMP0138",
                apr_psprintf(p, "no FPMUser line can replace this chain: %s",
                             fpmp_text_shown(p, hand->why_not, 160)),
                "mend that first, or keep the chain");
        }
        else if (hand->lost->nelts) {
            say(plan, hand, "FPMP0139",
                apr_psprintf(
                    p, "%d things change with the FPMUser line for pool [%s]: %s",
                    hand->lost->nelts, hand->pool->name,
                    fpmp_text_shown(p, APR_ARRAY_IDX(hand->lost, 0, const char *), 140)),
                "do without them, or keep the chain");
        }
    }
}
