/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict reader of PHP-FPM's files. FPM hands each line by itself to PHP's ini scanner,
 * so a line is understood alone; only the section lives on. What the grammar below does not
 * cover is never guessed: fpmp_ini_read stops there and says why. Entry: fpmp_ini_read.
 *
 *   line    = [BOM] ( blank | comment | section | entry ) [CR] LF     LF only ends a line
 *   comment = *WS ";" *any                                            '#' is none
 *   section = "[" name "]" *WS [comment]                              at column 0
 *   entry   = *WS key [ "[" subkey "]" ] *WS "=" *WS [value] *WS [comment]
 *   value   = plain | '"' dq '"' | "'" sq "'"                         no two side by side
 */
#include "core.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LETTERS CAPITALS "abcdefghijklmnopqrstuvwxyz"
#define KEY_CHARS LETTERS "0123456789_."

/* Where the reading stands within one line. */
typedef struct {
    apr_pool_t *p;
    const char *at;
    const char *end;
} cursor_t;

/* Words that PHP's scanner replaces when they stand alone, in any case. */
static const struct {
    const char *word, *value;
} magic_words[] = {
    { "true", "1" },
    { "on", "1" },
    { "yes", "1" },
    { "false", "" },
    { "off", "" },
    { "no", "" },
    { "none", "" },
    { "null", "" },
};

static const char *magic_value(const char *word)
{
    apr_size_t i;

    for (i = 0; i < sizeof(magic_words) / sizeof(magic_words[0]); i++) {
        if (strcasecmp(word, magic_words[i].word) == 0) {
            return magic_words[i].value;
        }
    }
    return NULL;
}

static int is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* A byte as the reasons show it. */
static const char *byte_text(apr_pool_t *p, char c)
{
    return is_control(c) ? apr_psprintf(p, "the byte 0x%02x", (unsigned char)c)
                         : apr_psprintf(p, "a %c", c);
}

static void skip_blanks(cursor_t *line)
{
    while (line->at < line->end && (*line->at == ' ' || *line->at == '\t')) {
        line->at++;
    }
}

/* Nothing but blanks and a comment are left. */
static int is_over(cursor_t *line)
{
    skip_blanks(line);
    return line->at == line->end || *line->at == ';';
}

/* The longest run of these bytes, from the pool; "" if there is none. */
static char *take_word(cursor_t *line, const char *chars)
{
    const char *start = line->at;

    while (line->at < line->end && *line->at && strchr(chars, *line->at)) {
        line->at++;
    }
    return apr_pstrmemdup(line->p, start, line->at - start);
}

/* Blanks beside the brackets belong to the name: "[ david ]" is not the pool "[david]". */
static const char *read_section(cursor_t *line, const char **section)
{
    const char *start = ++line->at;

    while (line->at < line->end && *line->at != ']') {
        if (is_control(*line->at) || strchr("[\"';$\\", *line->at)) {
            return apr_psprintf(line->p, "the section name has %s, which PHP-FPM refuses "
                                "or replaces", byte_text(line->p, *line->at));
        }
        line->at++;
    }
    if (line->at == line->end) {
        return "the section name has no ']' at its end";
    }
    if (line->at == start) {
        return "the section name is empty";
    }
    *section = apr_pstrmemdup(line->p, start, line->at - start);
    line->at++;
    return is_over(line) ? NULL : "something other than a comment follows the section";
}

static const char *read_double_quoted(cursor_t *line, const char **value)
{
    char *out = apr_palloc(line->p, line->end - line->at);

    *value = out;
    for (line->at++; line->at < line->end && *line->at != '"'; line->at++) {
        char next = line->at + 1 < line->end ? line->at[1] : '\0';

        if (is_control(*line->at)) {
            return "the quoted value has a control character";
        }
        if (*line->at == '$' && next == '{') {
            return "the value has '${', which PHP replaces by a setting or an "
                   "environment variable";
        }
        if (*line->at == '\\') {
            /* PHP looks one byte back at the closing quote: '\\' before it is ambiguous. */
            if (!next || !strchr("\\\"$", next)
                || (next == '\\' && line->at + 2 < line->end && line->at[2] == '"')) {
                return "the quoted value has a backslash that is not plain";
            }
            line->at++;
        }
        *out++ = *line->at;
    }
    *out = '\0';
    if (line->at == line->end) {
        return "the value has no '\"' at its end";
    }
    line->at++;
    return NULL;
}

static const char *read_single_quoted(cursor_t *line, const char **value)
{
    const char *start = ++line->at;

    while (line->at < line->end && *line->at != '\'') {
        if (is_control(*line->at)) {
            return "the quoted value has a control character";
        }
        line->at++;
    }
    if (line->at == line->end || line->at == start) {
        return "the value is '' or has no \"'\" at its end, which PHP-FPM refuses";
    }
    *value = apr_pstrmemdup(line->p, start, line->at - start);
    line->at++;
    return NULL;
}

/*
 * A word in capitals may be a PHP constant, and which exist depends on the extensions
 * loaded; a few have small letters after a '_' (STREAM_CRYPTO_PROTO_TLSv1_3). UTC is none
 * and stands in many a date.timezone.
 */
static int may_be_constant(const char *word)
{
    apr_size_t len = strlen(word);

    if (isdigit((unsigned char)*word) || strcmp(word, "UTC") == 0) {
        return 0;
    }
    return strspn(word, CAPITALS "0123456789_") == len
           || (strchr(CAPITALS, *word) && strchr(word, '_')
               && strspn(word, LETTERS "0123456789_") == len);
}

/* Apply the magic words; stop at what PHP would replace, or refuse beside other words. */
static const char *judge_words(cursor_t *line, const char **value)
{
    char *rest = apr_pstrdup(line->p, *value), *word;
    const char *magic = magic_value(rest);

    if (magic) {
        *value = magic;
        return NULL;
    }
    while ((word = apr_strtok(rest, " ", &rest)) != NULL) {
        if (magic_value(word)) {
            return apr_psprintf(line->p, "the value has the word '%s' beside others, which "
                                "PHP-FPM refuses outside quotes", word);
        }
        if (may_be_constant(word)) {
            return apr_psprintf(line->p, "the value has the word '%s', which PHP may "
                                "replace by a constant outside quotes", word);
        }
    }
    return NULL;
}

static const char *read_plain(cursor_t *line, const char **value)
{
    const char *start = line->at, *at, *end = line->at;

    for (at = start; at < line->end && *at != ';'; at++) {
        char next = at + 1 < line->end ? at[1] : '\0';

        /* PHP's scanner takes '$' and the next byte as one, even ';' or the line end. */
        if (*at == '$' && !isalnum((unsigned char)next) && next != '_') {
            return "the value has a '$' with no name after it outside quotes";
        }
        if (*at == '\t' || *at == ' ') {
            continue;
        }
        if (is_control(*at) || strchr("=\"'&|^~()!\\", *at)) {
            return apr_psprintf(line->p, "the value has %s outside quotes, which PHP-FPM "
                                "refuses or computes with", byte_text(line->p, *at));
        }
        end = at + 1;
    }
    if (memchr(start, '\t', end - start)) {
        return "the value has a tab outside quotes";
    }
    *value = apr_pstrmemdup(line->p, start, end - start);
    line->at = at;
    return judge_words(line, value);
}

static const char *read_value(cursor_t *line, const char **value)
{
    const char *why;

    *value = "";
    if (is_over(line)) {
        return NULL;
    }
    if (*line->at == '"') {
        why = read_double_quoted(line, value);
    }
    else if (*line->at == '\'') {
        why = read_single_quoted(line, value);
    }
    else {
        why = read_plain(line, value);
    }
    if (!why && !is_over(line)) {
        return "something other than a comment follows the quoted value";
    }
    return why;
}

static const char *read_entry(cursor_t *line, fpmp_ini_entry_t *entry)
{
    entry->name = take_word(line, KEY_CHARS);
    if (!*entry->name) {
        return "the line begins with neither a key, a section nor ';'";
    }
    if (magic_value(entry->name)) {
        return apr_psprintf(line->p, "the key is the word '%s', which PHP-FPM refuses",
                            entry->name);
    }
    if (line->at < line->end && *line->at == '[') {
        line->at++;
        entry->subkey = take_word(line, KEY_CHARS "-");
        if (line->at == line->end || *line->at != ']') {
            return apr_psprintf(line->p, "the brackets after '%s' hold more than letters, "
                                "digits, '_', '.' and '-'", entry->name);
        }
        line->at++;
    }
    skip_blanks(line);
    if (line->at == line->end || *line->at != '=') {
        return apr_psprintf(line->p, "no '=' follows the key '%s'", entry->name);
    }
    line->at++;
    return read_value(line, &entry->value);
}

/* One line without its LF. section is the current one and moves on. */
static const char *read_line(fpmp_ini_t *ini, cursor_t *line, int number,
                             const char **section)
{
    fpmp_ini_entry_t entry = { .value = "", .line = number };
    const char *why;

    if (line->end - line->at >= 3 && memcmp(line->at, "\xef\xbb\xbf", 3) == 0) {
        line->at += 3;
    }
    if (line->end > line->at && line->end[-1] == '\r') {
        line->end--;
    }
    if (memchr(line->at, '\0', line->end - line->at)) {
        return "the line has a NUL byte, and PHP-FPM ignores what follows it";
    }
    if (memchr(line->at, '\r', line->end - line->at)) {
        return "the line has a carriage return inside, which PHP-FPM takes for a line end";
    }
    if (line->at < line->end && *line->at == '[') {
        why = read_section(line, section);
    }
    else if (is_over(line)) {
        return NULL;
    }
    else {
        why = read_entry(line, &entry);
    }
    if (!why) {
        entry.section = *section;
        APR_ARRAY_PUSH(ini->entries, fpmp_ini_entry_t) = entry;
    }
    return why;
}

fpmp_ini_t *fpmp_ini_read(apr_pool_t *p, const char *text, apr_size_t len)
{
    fpmp_ini_t *ini = apr_pcalloc(p, sizeof(*ini));
    const char *end = text + len, *section = NULL;
    int number = 0;

    ini->entries = apr_array_make(p, 32, sizeof(fpmp_ini_entry_t));
    while (text < end) {
        const char *stop = memchr(text, '\n', end - text);
        cursor_t line = { .p = p, .at = text, .end = stop ? stop : end };

        ini->opaque_why = read_line(ini, &line, ++number, &section);
        if (ini->opaque_why) {
            ini->opaque_line = number;
            break;
        }
        text = stop ? stop + 1 : end;
    }
    return ini;
}

fpmp_main_t *fpmp_main_pick(apr_pool_t *p, const fpmp_ini_t *ini)
{
    fpmp_main_t *main = apr_pcalloc(p, sizeof(*main));
    int i;

    main->includes = apr_array_make(p, 2, sizeof(const char *));
    for (i = 0; i < ini->entries->nelts; i++) {
        const fpmp_ini_entry_t *entry = &APR_ARRAY_IDX(ini->entries, i, fpmp_ini_entry_t);

        if (!entry->name || entry->subkey) {
            continue;
        }
        /* FPM takes includes in any section, and compares only this key with case. */
        if (strcmp(entry->name, "include") == 0 && *entry->value) {
            APR_ARRAY_PUSH(main->includes, const char *) = entry->value;
        }
        if (entry->section && strcasecmp(entry->section, "global") != 0) {
            continue;
        }
        if (strcasecmp(entry->name, "pid") == 0) {
            main->pid = *entry->value ? entry->value : NULL;
        }
        else if (strcasecmp(entry->name, "process_control_timeout") == 0) {
            int sec = fpmp_ini_time_sec(entry->value);

            main->control_timeout_sec = sec > 0 ? sec : 0;
        }
    }
    return main;
}

int fpmp_ini_time_sec(const char *value)
{
    static const struct {
        char suffix;
        int sec;
    } units[] = { { '\0', 1 }, { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    const char *at = value;
    apr_int64_t number = 0;
    apr_size_t i;

    for (; isdigit((unsigned char)*at); at++) {
        number = number * 10 + (*at - '0');
        if (number > INT_MAX) {
            return -1;
        }
    }
    if (at == value) {
        return -1;
    }
    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (*at == units[i].suffix && (!*at || !at[1])) {
            number *= units[i].sec;
            return number > INT_MAX ? -1 : (int)number;
        }
    }
    return -1;
}
