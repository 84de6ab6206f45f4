#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Sees every guard of tools/guards.sh pass once and fail once: a small tree that keeps all
# rules, then one fault at a time. TAP for prove. No root, no server.
# shellcheck disable=SC2016  # eval expands them, in the copy
set -u
guards=$(cd "$(dirname "$0")" && pwd)/guards.sh
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fpmt_guards_t.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
good=$scratch/good
mkdir -p "$good"/{core,host,glue,service,docs/man,tests,t}
cd "$good" || exit 1

cat >mod_fpmpool.h <<'C'
#include <apr_pools.h>
C
cat >core/core.h <<'C'
#include "../mod_fpmpool.h"
const char *fpmp_a(apr_pool_t *p);
C
cat >core/a.c <<'C'
#include "core.h"
#include <apr_strings.h>
/* FPMP0999 in a comment, and "FPMP0998" in quotes, are no codes */
static const char *const names[] = { "FPMP0101", "b" };
const char *fpmp_a(apr_pool_t *p)
{
    return apr_pstrcat(p, names[0], names[1], NULL);
}
C
echo '#include "../core/core.h"' >host/host.h
cat >host/h.c <<'C'
#include "host.h"
#include <unistd.h>
int fpmp_h(void);
int fpmp_h(void)
{
    return unlink("x") + (fpmp_a(NULL) != NULL);
}
C
cat >pool_writer.c <<'C'
#include "host/host.h"
int fpmp_w(void);
int fpmp_w(void)
{
    return 0;
}
C
echo 'extern int fpmp_g;' >glue/g.c
cat >service/s.c <<'C'
#include "../host/host.h"
int fpmp_h(void);
int main(void)
{
    return fpmp_h();
}
C
cat >mod_fpmpool.c <<'C'
#define AP_INIT_TAKE1(a) a
static const char *const table[] = { AP_INIT_TAKE1("FPMUser") };
const char *fpmpool_module;
const char *fpmp_m(int i);
const char *fpmp_m(int i)
{
    return table[i];
}
C
cat >core/settings.c <<'C'
static const char *const own_keys[] = { "php" };
static const struct { const char *name; int rule; const char *why; } rows[] = {
    { .name = "pm", .rule = 1 },
    { .name = "env", .rule = 1 },
    { .name = "user", .why = "is the first argument" },
};
const char *fpmp_s(int i);
const char *fpmp_s(int i)
{
    return i ? own_keys[0] : rows[0].name;
}
C
printf '.SS FPMUser USER\n.SH COMMANDS\n' >docs/man/mod_fpmpool.7
printf '# Errors\n\n### FPMP0101\nText about [FPMUser](directives.md#fpmuser).\n' >docs/errors.md
printf '# mod\n## Directives\n### `FPMUser USER`\n[codes](docs/errors.md#fpmp0101), [here](#directives), [all](docs/directives.md)\n' >README.md
cat >docs/directives.md <<'MD'
| [FPMUser](#fpmuser) | none |
## FPMUser
### The module's own keys
| Key | |
|---|---|
| `php=` | |
### Pool directives of PHP-FPM
| `pm` | |
| `env[NAME]` | `text` |
### Keys that are refused
| `user` | |
| `opcache.validate_permission` in brackets | |
```
[no link](in/a/block)
```
MD
printf '/* links: core/a.c */\nint main(void)\n{\n    return 0;\n}\n' >tests/test_a.c
printf 'use Test::More tests => 1;\nok 1; # no skip( here\n' >t/a.t

number=0
# A guard that fails must say why: PHRASE is part of its line.
row() { # row TITLE PHRASE GUARD COMMAND...: run COMMAND in a copy; PHRASE '' = guard holds
    local title=$1 phrase=$2 guard=$3 out code
    shift 3
    number=$((number + 1))
    rm -rf "$scratch/tree"
    cp -r "$good" "$scratch/tree"
    (cd "$scratch/tree" && eval "$*") || { echo "not ok $number - $title: the fault could not be made"; return; }
    out=$("$guards" -C "$scratch/tree" "$guard" 2>&1)
    code=$?
    if [ -z "$phrase" ] && [ "$code" -eq 0 ]; then
        echo "ok $number - $title"
    elif [ -n "$phrase" ] && [ "$code" -eq 1 ] && [[ $out == *"ERROR: guard $guard: "*"$phrase"* ]]; then
        echo "ok $number - $title"
    else
        echo "not ok $number - $title"
        printf '# exit %s, wanted the phrase: %s\n%s\n' "$code" "${phrase:-none, and exit 0}" "$out" | sed 's/^[^#]/# &/'
    fi
}

for guard in includes symbols globals codes directives docs lengths words skips; do
    row "$guard holds on a tree that keeps the rules" '' $guard :
done

row 'core includes httpd' 'core/a.c may not know httpd' includes 'echo "#include <httpd.h>" >>core/a.c'
row 'core includes a header of http_*' 'may not know httpd' includes 'echo "#include \"http_log.h\"" >>core/a.c'
row 'core includes host' 'neither host/ nor the machine' includes 'echo "#include \"../host/host.h\"" >>core/a.c'
row 'core includes a system header' 'neither host/ nor the machine' includes 'echo "#include <unistd.h>" >>core/core.h'
row 'host includes httpd' 'host/h.c may not know httpd' includes 'echo "#include <ap_mpm.h>" >>host/h.c'
row 'the writer includes another module' 'pool_writer.c may not know httpd' includes 'echo "#include <mod_proxy.h>" >>pool_writer.c'
row 'host includes glue' 'may not know glue/' includes 'echo "#include \"../glue/glue.h\"" >>host/host.h'
row 'the command includes httpd' 'service/s.c may not know httpd' includes 'echo "#include <httpd.h>" >>service/s.c'
row 'no service file for includes' 'nothing was checked' includes 'rm service/*.c'
row 'an include in a comment is none' '' includes 'echo "/* #include <httpd.h> */" >>core/a.c'
row 'no host file for includes' 'nothing was checked' includes 'rm host/*.c'
row 'no core file for includes' 'nothing was checked' includes 'rm core/*.c'

row 'core opens a file' 'core/a.o reaches outside core/: open' symbols 'printf "int open(const char *, int);\nint fpmp_b(void);\nint fpmp_b(void) { return open(\"x\", 0); }\n" >>core/a.c'
row 'core asks the clock by APR' 'apr_time_now' symbols 'printf "long apr_time_now(void);\nlong fpmp_b(void);\nlong fpmp_b(void) { return apr_time_now(); }\n" >>core/a.c'
row 'core calls host' 'fpmp_h' symbols 'printf "int fpmp_h(void);\nint fpmp_b(void);\nint fpmp_b(void) { return fpmp_h(); }\n" >>core/a.c'
row 'host calls httpd' 'host/h.o reaches into httpd or glue/: ap_x' symbols 'printf "int ap_x(void);\nint fpmp_b(void);\nint fpmp_b(void) { return ap_x(); }\n" >>host/h.c'
row 'the command calls httpd' 'service/s.o reaches into httpd or glue/: ap_x' symbols 'printf "int ap_x(void);\nint fpmp_b(void);\nint fpmp_b(void) { return ap_x(); }\n" >>service/s.c'
row 'the writer logs' 'pool_writer.o logs' symbols 'printf "void syslog(int, const char *, ...);\nvoid fpmp_b(void);\nvoid fpmp_b(void) { syslog(1, \"x\"); }\n" >>pool_writer.c'
row 'no core file for symbols' 'nothing was checked' symbols 'rm core/*.c'
row 'a file that does not compile' 'nothing was checked' symbols 'echo "int" >>core/a.c'

row 'a counter at file scope' 'count' globals 'echo "int count;" >>glue/g.c'
row 'a counter in the command' 'count' globals 'echo "int count;" >>service/s.c'
row 'a static variable in a function' 'seen' globals 'printf "int f(void);\nint f(void) { static int seen = 1; return seen++; }\n" >>core/a.c'

row 'a link to a page that is not there' "link to 'x.md', which is no file" docs 'echo "[x](x.md)" >>docs/errors.md'
row 'a picture that is not there' "link to 'x.png'" docs 'echo "![x](x.png)" >>docs/errors.md'
row 'a link to a heading that is not there' "README.md:5: link to '#nowhere', where no heading" docs 'echo "[x](#nowhere)" >>README.md'
row 'a link to a heading of another page' "link to 'errors.md#fpmp0102'" docs 'echo "[x](errors.md#fpmp0102)" >>docs/directives.md'
row 'a link to elsewhere is not looked at' '' docs 'echo "[x](https://example.org/x)" >>docs/errors.md'
row 'a page that no other links to' 'docs/new.md:1: page that no other page links to' docs 'echo "# New" >docs/new.md'
row 'a code in the text that is not in the code' "docs/errors.md:5: 'FPMP0102'" docs 'echo "see FPMP0102" >>docs/errors.md'
row 'a directive that is misspelled' "'FPMUsers', which is not in the code" docs 'echo "FPMUsers" >>docs/errors.md'
row 'a metric that is not in the code' "'fpmpool_pool_x', which" docs 'echo "fpmpool_pool_x" >>docs/errors.md'
row 'a directive without a heading' "heading of directive 'FPMSync' is not there" docs 'sed -i "s/(\"FPMUser\") }/(\"FPMUser\"), AP_INIT_FLAG(\"FPMSync\") }/" mod_fpmpool.c'
row 'a directive without a row' "row of directive 'FPMUser' is not there" docs 'sed -i 1d docs/directives.md'
row 'a heading without a directive' "heading of directive 'FPMOther' is not in the code" docs 'echo "## FPMOther" >>docs/directives.md'
row 'a key of the module that is not on the page' "own key 'ext' is not there" docs 'sed -i "s/{ .php. }/{ \"php\", \"ext\" }/" core/settings.c'
row 'a pool directive that is not on the page' "pool directive 'env' is not there" docs 'sed -i /env/d docs/directives.md'
row 'a pool directive that PHP-FPM does not have' "pool directive 'pn' is not in the code" docs 'sed -i "s/\`pm\`/\`pn\`/" docs/directives.md'
row 'a refused key that is not on the page' "refused key 'user' is not there" docs 'sed -i /.user./d docs/directives.md'
row 'no table of settings' 'nothing was checked' docs ': >core/settings.c'

row 'a code at two places' 'FPMP0101' codes 'echo "const char *fpmp_c = \"FPMP0101: x\";" >>glue/g.c'
row 'a code of the command at two places' 'FPMP0101' codes 'echo "const char *fpmp_c = \"FPMP0101: x\";" >>service/s.c'
row 'two codes in one string' 'C files: FPMP0101' codes 'echo "const char *fpmp_c = \"x FPMP0101 FPMP0101\";" >>glue/g.c'
row 'a code without a heading' 'not of the headings ### FPMPnnnn of docs/errors.md: FPMP0102' codes 'echo "const char *fpmp_c = \"FPMP0102: x\";" >>glue/g.c'
row 'a heading without a code' 'headings ### FPMPnnnn of docs/errors.md, not of the codes in strings of C files: FPMP0103' codes 'echo "### FPMP0103" >>docs/errors.md'
row 'no glue file for codes' 'nothing was checked' codes 'rm glue/*.c'
row 'no code at all' 'nothing was checked' codes 'sed -i s/FPMP0101/x/ core/a.c'
row 'no page of codes' 'nothing was checked' codes 'rm docs/errors.md'

row 'a directive without a heading' 'FPMSync' directives 'echo "/* */ AP_INIT_TAKE1( \"FPMSync\"" >>mod_fpmpool.c'
row 'a heading without a directive' 'headings of README.md, not of the directives in mod_fpmpool.c: FPMStrict' directives 'echo "### FPMStrict" >>README.md'
row 'a directive that the man page leaves out' 'not of the headings of the man page: FPMSync' directives 'echo "/* */ AP_INIT_TAKE1( \"FPMSync\"" >>mod_fpmpool.c; echo "### FPMSync" >>README.md'
row 'no directive in the table' 'nothing was checked' directives 'sed -i s/FPMUser/x/ mod_fpmpool.c'

lines() { # lines N: a function of N lines
    printf 'int f(void)\n{\n'
    for ((i = 1; i < $1; i++)); do echo '    ;'; done
    printf '    return 0;\n}\n'
}
row 'a function of 60 lines' '' lengths 'lines 60 >>core/a.c'
row 'a function of 61 lines' 'function of 61 lines' lengths 'lines 61 >>core/a.c'
row 'a file of 400 lines' '' lengths 'yes "" | head -n $((400 - $(wc -l <core/a.c))) >>core/a.c'
row 'a file of 401 lines' '401 lines, the limit is 400' lengths 'yes "" | head -n $((401 - $(wc -l <core/a.c))) >>core/a.c'
row 'a glue file of 600 lines' '' lengths 'yes "" | head -n 599 >>glue/g.c'
row 'a glue file of 601 lines' 'the limit is 600' lengths 'yes "" | head -n 600 >>glue/g.c'
row 'a long function of the command' 'function of 61 lines' lengths 'lines 61 >>service/s.c'
row 'a brace beside the signature' 'stands on its own line' lengths 'echo "int f(void) {" >>core/a.c'

row 'a forbidden word' 'forbidden word' words 'echo "see iss""ue #1" >>README.md'
row 'a path of one machine' 'path of one machine' words 'echo "cd /wo""rk/main" >>README.md'
row 'a word of framework/work is none' '' words 'echo "a/wo""rk/b" >>README.md'

row 'a C test skips' 'skips' skips 'echo "skip();" >>tests/test_a.c'
row 'a Perl test skips' 'can skip' skips 'echo "plan skip_all => 1;" >>t/a.t'
row 'a test that links nothing' 'links' skips 'sed -i 1d tests/test_a.c'
row 'no tests' 'nothing was checked' skips 'rm t/*.t'
row 'a guard that does not exist' 'no such guard' nothing :

echo "1..$number"
