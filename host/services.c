/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks each service of nsswitch.conf by itself. The library passes over a service that
 * cannot answer, asks the next one and forgets it: with "sss files" and sssd down it says
 * "there is no such user" of everybody whom only sssd knows. Asked only where it said so,
 * and for the groups of a user beside those of the files. Entry points:
 * fpmp_services_doubt, fpmp_services_files_first, fpmp_services_group_calls. Without glibc
 * nobody can be asked alone.
 */
#include "host.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GLIBC__)
#include <dlfcn.h>
#include <nss.h>

#define SWITCH_PATH "/etc/nsswitch.conf"
#define MAX_ENTRY_BYTES (1024 * 1024)
#define BLANKS " \t\r\f\v"

/* What is asked of every service: a user or a group by name, or a group by its number. */
typedef struct {
    apr_pool_t *p;
    const char *database; /* "passwd" or "group" */
    const char *function; /* "getpwnam_r" */
    const char *name;     /* NULL: by number */
    gid_t gid;
} question_t;

typedef enum nss_status user_call_t(const char *, struct passwd *, char *, size_t, int *);
typedef enum nss_status group_call_t(const char *, struct group *, char *, size_t, int *);
typedef enum nss_status gid_call_t(gid_t, struct group *, char *, size_t, int *);

/* group: what is found by number. */
static enum nss_status call(const question_t *question, void *function, struct group *group,
                            int *err)
{
    enum nss_status status;
    struct passwd user;
    size_t size = 1024;

    do {
        char *buf = apr_palloc(question->p, size *= 4);

        *err = 0;
        status = strcmp(question->database, "passwd") == 0
                     ? ((user_call_t *)function)(question->name, &user, buf, size, err)
                 : question->name
                     ? ((group_call_t *)function)(question->name, group, buf, size, err)
                     : ((gid_call_t *)function)(question->gid, group, buf, size, err);
    } while (status == NSS_STATUS_TRYAGAIN && *err == ERANGE && size < MAX_ENTRY_BYTES);
    return status;
}

/* A service that is listed but not installed answers nobody's question, ever: Debian lists
 * "systemd" with and without its library. dlerror(3) is the only one to say that it is not
 * there, and not that there was no descriptor to open it with. */
static int is_absent(const char *library, const char *said)
{
    return strncmp(said, library, strlen(library)) == 0 && strstr(said, strerror(ENOENT));
}

/* A function of a service; NULL: it has none, or is not there. *trouble: why it is there
 * and cannot be loaded; else NULL. A library is never unloaded again: services leave
 * handlers and threads of their own behind. */
static void *function_of(apr_pool_t *p, const char *service, const char *name, int *there,
                         const char **trouble)
{
    const char *library = apr_psprintf(p, "libnss_%s.so.2", service);
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE), *function;
    const char *said = handle ? NULL : dlerror();

    *there = !said || !is_absent(library, said);
    *trouble = said && *there ? apr_pstrdup(p, said) : NULL;
    if (!handle) {
        return NULL;
    }
    function = dlsym(handle, apr_psprintf(p, "_nss_%s_%s", service, name));
    dlclose(handle);
    return function;
}

/* Set *doubt to why this service could not be asked, as a phrase. */
static enum nss_status ask_service(const question_t *question, const char *service,
                                   const char **doubt)
{
    apr_pool_t *p = question->p;
    enum nss_status status = NSS_STATUS_UNAVAIL;
    const char *trouble;
    struct group group;
    apr_status_t words;
    int err, there;
    void *function = function_of(p, service, question->function, &there, &trouble);

    if (trouble) {
        *doubt = apr_psprintf(p, "service '%s' of " SWITCH_PATH " could not be loaded: %s",
                              service, trouble);
    }
    if (function) {
        status = call(question, function, &group, &err);
        words = err;
        if (status == NSS_STATUS_SUCCESS) {
            *doubt = apr_psprintf(p,
                                  "service '%s' of " SWITCH_PATH " knows it, the name "
                                  "service as a whole does not",
                                  service);
        }
        else if (status != NSS_STATUS_NOTFOUND) {
            *doubt =
                apr_psprintf(p, "service '%s' of " SWITCH_PATH " does not answer (%pm)",
                             service, &words);
        }
    }
    return status;
}

/* "[NOTFOUND=return]", "[!UNAVAIL=return]": nobody after it is asked. */
static int ends_search(apr_pool_t *p, const char *actions)
{
    char *state = NULL, *word = apr_strtok(apr_pstrdup(p, actions), BLANKS, &state);
    int ends = 0;

    for (; word; word = apr_strtok(NULL, BLANKS, &state)) {
        int not = *word == '!', named = strncasecmp(word + not, "NOTFOUND=", 9) == 0;
        const char *action = strchr(word, '=');

        if (action && not != named) {
            ends = strcasecmp(action + 1, "return") == 0;
        }
    }
    return ends;
}

/* The services of one line in their order, as far as glibc goes. */
static const char *ask_line(const question_t *question, const char *at)
{
    const char *doubt = NULL;

    while (!doubt && *(at += strspn(at, BLANKS)) != '\0') {
        size_t len = strcspn(at, BLANKS "[");
        const char *service = apr_pstrmemdup(question->p, at, len), *end;
        enum nss_status status =
            len ? ask_service(question, service, &doubt) : NSS_STATUS_UNAVAIL;

        at += len;
        at += strspn(at, BLANKS);
        if (*at == '[') {
            end = strchr(at, ']');
            if (!end || (status == NSS_STATUS_NOTFOUND &&
                         ends_search(question->p,
                                     apr_pstrmemdup(question->p, at + 1, end - at - 1)))) {
                break;
            }
            at = end + 1;
        }
    }
    return doubt;
}

/* The services of a database, as nsswitch.conf names them; NULL: it does not. */
static const char *services_of(apr_pool_t *p, const char *text, const char *database)
{
    size_t len = strlen(database);
    char *state = NULL, *line = apr_strtok(apr_pstrdup(p, text), "\n", &state);

    for (; line; line = apr_strtok(NULL, "\n", &state)) {
        line[strcspn(line, "#")] = '\0';
        line += strspn(line, BLANKS);
        if (strncmp(line, database, len) == 0) {
            line += len;
            line += strspn(line, BLANKS);
            if (*line == ':') {
                line++;
                return line + strspn(line, BLANKS);
            }
        }
    }
    return NULL;
}

const char *fpmp_services_doubt(apr_pool_t *p, const char *database, const char *name,
                                gid_t gid)
{
    question_t question = { .p = p, .database = database, .name = name, .gid = gid };
    const char *services;
    fpmp_file_t file;

    question.function = strcmp(database, "passwd") == 0 ? "getpwnam_r"
                        : name                          ? "getgrnam_r"
                                                        : "getgrgid_r";
    fpmp_facts_file(p, SWITCH_PATH, &file);
    if (!file.text) {
        return file.node.lookup == FPMP_LOOKUP_MISSING
                   ? NULL /* then glibc asks the files only */
                   : apr_psprintf(p, "'" SWITCH_PATH "' could not be read: %s",
                                  file.node.why);
    }
    services = services_of(p, file.text, database);
    return services ? ask_line(&question, services) : NULL;
}

/* What stands behind "files"; NULL: something else is first, or what the files do not know
 * or know ends or goes on in another way than usual. */
static const char *after_files(apr_pool_t *p, const char *database)
{
    const char *services;
    fpmp_file_t file;

    fpmp_facts_file(p, SWITCH_PATH, &file);
    services = file.text ? services_of(p, file.text, database) : NULL;
    if (!services || strchr(services, '[') || strncmp(services, "files", 5) != 0 ||
        (services[5] && !strchr(BLANKS, services[5]))) {
        return NULL;
    }
    return services + 5;
}

int fpmp_services_files_first(apr_pool_t *p, const char *database)
{
    return after_files(p, database) != NULL;
}

typedef enum nss_status groups_call_t(const char *, gid_t, long *, long *, gid_t **, long,
                                      int *);

/* A service behind "files", as it is asked who is in a group. */
typedef struct {
    groups_call_t *groups_of; /* a user */
    gid_call_t *members_of;   /* NULL: it may leave members out */
    gid_t gid;                /* whose members are known, */
    apr_hash_t *members;      /* name -> itself; NULL: not yet */
} service_t;

/* These add to a group of the files, asked for it, every member that they know of, so that
 * one answer does for all users. Source: userdb_getgrgid() and membershipdb_by_group_strv()
 * of systemd, which look where userdb's look-up of one user looks. */
static const char *const complete[] = { "systemd" };

static int is_complete(const char *service)
{
    apr_size_t i = 0, count = sizeof(complete) / sizeof(complete[0]);

    while (i < count && strcmp(complete[i], service) != 0) {
        i++;
    }
    return i < count;
}

apr_array_header_t *fpmp_services_group_calls(apr_pool_t *p)
{
    apr_array_header_t *calls = apr_array_make(p, 2, sizeof(service_t));
    const char *rest = after_files(p, "group"), *trouble;
    char *state = NULL, *name;
    fpmp_file_t file;

    fpmp_facts_file(p, SWITCH_PATH, &file);
    if (!rest || !file.text || services_of(p, file.text, "initgroups")) {
        return NULL;
    }
    name = apr_strtok(apr_pstrdup(p, rest), BLANKS, &state);
    for (; name; name = apr_strtok(NULL, BLANKS, &state)) {
        int there;
        void *groups_of = function_of(p, name, "initgroups_dyn", &there, &trouble);

        if (groups_of) {
            service_t *service = apr_array_push(calls);

            service->groups_of = (groups_call_t *)groups_of;
            service->members_of =
                is_complete(name)
                    ? (gid_call_t *)function_of(p, name, "getgrgid_r", &there, &trouble)
                    : NULL;
        }
        else if (there) {
            return NULL; /* glibc would go through all its groups */
        }
    }
    return calls;
}

/* 1: service->members is what it says of this group. */
static int ask_members(apr_pool_t *p, service_t *service, gid_t gid)
{
    question_t question = { .p = p, .database = "group", .gid = gid };
    enum nss_status status;
    struct group group;
    int err;
    char **name;

    if (service->members && service->gid == gid) {
        return 1;
    }
    status = service->members_of
                 ? call(&question, (void *)service->members_of, &group, &err)
                 : NSS_STATUS_UNAVAIL;
    if (status != NSS_STATUS_SUCCESS && status != NSS_STATUS_NOTFOUND) {
        return 0;
    }
    service->gid = gid;
    service->members = apr_hash_make(p);
    for (name = group.gr_mem; status == NSS_STATUS_SUCCESS && *name; name++) {
        apr_hash_set(service->members, *name, APR_HASH_KEY_STRING, *name);
    }
    return 1;
}

static int is_in(const service_t *service, const char *user, gid_t primary, gid_t wanted)
{
    long count = 0, room = 16, k = 0;
    gid_t *groups = malloc((size_t)room * sizeof(*groups)); /* the service may grow it */
    int err, found;

    if (groups) {
        service->groups_of(user, primary, &count, &room, &groups, -1, &err);
    }
    while (groups && k < count && groups[k] != wanted) {
        k++;
    }
    found = groups && k < count;
    free(groups);
    return found;
}

int fpmp_services_member(const apr_array_header_t *calls, const char *user, gid_t primary,
                         gid_t wanted)
{
    int i, is_member = 0;

    for (i = 0; i < calls->nelts && !is_member; i++) {
        service_t *service = &APR_ARRAY_IDX(calls, i, service_t);

        is_member = ask_members(calls->pool, service, wanted)
                        ? apr_hash_get(service->members, user, APR_HASH_KEY_STRING) != NULL
                        : is_in(service, user, primary, wanted);
    }
    return is_member;
}

#else

const char *fpmp_services_doubt(apr_pool_t *p, const char *database, const char *name,
                                gid_t gid)
{
    (void)p;
    (void)database;
    (void)name;
    (void)gid;
    return NULL;
}

int fpmp_services_files_first(apr_pool_t *p, const char *database)
{
    (void)p;
    (void)database;
    return 0;
}

apr_array_header_t *fpmp_services_group_calls(apr_pool_t *p)
{
    (void)p;
    return NULL;
}

int fpmp_services_member(const apr_array_header_t *calls, const char *user, gid_t primary,
                         gid_t wanted)
{
    (void)calls;
    (void)user;
    (void)primary;
    (void)wanted;
    return 0;
}

#endif
