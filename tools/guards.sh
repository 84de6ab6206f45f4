#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The table of rooms (DESIGN: what each folder may use) and the habits that a compiler does
# not hold. One function per guard; a guard that finds nothing to look at fails. Each
# exclusion has its reason beside it. tools/guards.t sees every guard fail once.
# Usage: guards.sh [-C TREE] [GUARD...]
# shellcheck disable=SC2317  # the guards are called by name
set -u

tools=$(cd "$(dirname "$0")" && pwd)
root=$tools/..
if [ "${1:-}" = -C ]; then
    root=$2
    shift 2
fi
cd "$root" || exit 1
shopt -s nullglob

: "${GCC:=gcc}"
: "${APXS:=$(command -v apxs || command -v apxs2)}"
core=(core/*.c)
host=(host/*.c pool_writer.c)
glue=(glue/*.c mod_fpmpool.c)
service=(service/*.c)
objects=$(mktemp -d "${TMPDIR:-/tmp}/fpmt_guards.XXXXXX")
trap 'rm -rf "$objects"' EXIT

fault() { # fault GUARD TEXT
    echo "ERROR: guard $1: $2" >&2
    echo "$1" >>"$objects/faults" # a variable would be lost at the end of a pipe
}

# need GUARD WHAT FILE...: all files exist, and there is at least one.
need() {
    local guard=$1 what=$2 file
    shift 2
    [ $# -gt 0 ] || { fault "$guard" "found no $what, nothing was checked"; return 1; }
    for file in "$@"; do
        [ -s "$file" ] || { fault "$guard" "'$file' is missing or empty, nothing was checked"; return 1; }
    done
}

# Each room has files. An empty room beside a full one must not pass.
need_rooms() { # need_rooms GUARD
    need "$1" 'core file' core/*.c && need "$1" 'host file' host/*.c && need "$1" 'glue file' glue/*.c &&
        need "$1" 'service file' service/*.c &&
        need "$1" 'top level file' pool_writer.c mod_fpmpool.c mod_fpmpool.h core/core.h host/host.h
}

# Lines of standard input, if any, are the faults that TEXT is about.
no_lines() { # no_lines GUARD TEXT
    local line
    while IFS= read -r line; do
        fault "$1" "$2: $line"
    done
}

# C without comments, line numbers kept; strings stay.
strip() {
    perl -0777 -pe 's{("(?:\\.|[^"\\])*"|'"'"'(?:\\.|[^'"'"'\\])*'"'"')|/\*.*?\*/|//[^\n]*}
        {defined $1 ? $1 : ($& =~ tr/\n//cdr) || " "}gsex' "$1"
}

# ---- rooms: includes --------------------------------------------------------------------
httpd_headers='(httpd|http_[a-z]+|ap_[a-z_]+|util_[a-z0-9_]+|mpm_common|unixd|scoreboard|mod_[a-z0-9_]+)\.h'
# What core/ may not even name: the neighbour room, and what moves or asks the machine.
machine_headers='host/|host\.h|<sys/(stat|socket|un|wait)\.h|<(unistd|fcntl|pwd|grp|time|signal|dirent|glob|stdio)\.h'
machine_headers="$machine_headers|apr_(file_[a-z]+|time|user|network_io|thread_[a-z]+|env|poll|signal|portable|mmap|shm|random)\.h"

guard_includes() {
    need_rooms includes || return
    local file
    for file in core/*.[ch] host/*.[ch] service/*.[ch] pool_writer.c mod_fpmpool.h; do
        strip "$file" | grep -E '^ *# *include' |
            grep -E "[\"</]${httpd_headers}[\">]" | grep -v '[/"]mod_fpmpool\.h"' | # ours, no httpd in it
            no_lines includes "$file may not know httpd"
        strip "$file" | grep -E '^ *# *include.*glue' | no_lines includes "$file may not know glue/"
    done
    for file in core/*.[ch] mod_fpmpool.h; do
        strip "$file" | grep -E '^ *# *include' | grep -E "$machine_headers" |
            no_lines includes "$file may know neither host/ nor the machine"
    done
}

# ---- rooms: what the objects ask for ----------------------------------------------------
# Values in, values out: pools, strings, tables, hashes of bytes. No file, user, socket,
# clock, process, environment or log. One pattern per line.
allowed='apr_p(alloc|calloc|memdup|strdup|strndup|strmemdup|strcat|strcatv|sprintf|vsprintf)(_debug)?
apr_(pool|array|table|hash|sha1|md5|base64|cstr|escape|pescape)_[a-z0-9_]+
apr_(fnmatch|strtoi64|atoi64|itoa|ltoa|off_t_toa|v?snprintf|cpystrn|strtok|tokenize_to_argv|strnat(case)?cmp)
mem(cpy|move|set|cmp|chr|rchr|mem)
str(len|nlen|n?cmp|n?casecmp|r?chr|chrnul|str|casestr|c?spn|pbrk|tok_r)
(__isoc[0-9]+_)?(strto(l|ll|ul|ull|imax|umax)|sscanf)|ato(i|l|ll)|v?sn?printf
toupper|tolower|is[a-z]+|qsort|bsearch|abs
__ctype_(b|toupper|tolower)_loc|__errno_location|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_'

# compile FILE...: into $objects, with no optimisation, no fortify and no PIC: the symbols
# asked for are then those that the source names, and const tables are read-only.
compile() {
    local file flags
    flags="$("$("$APXS" -q APR_CONFIG)" --includes --cppflags) $("$("$APXS" -q APU_CONFIG)" --includes)"
    flags="$flags -I$("$APXS" -q INCLUDEDIR)"
    for file in "$@"; do
        mkdir -p "$objects/$(dirname "$file")"
        # shellcheck disable=SC2086  # a list of flags
        $GCC -std=gnu11 -O0 -fno-pic -fno-pie $flags -c "$file" -o "$objects/${file%.c}.o" ||
            { fault symbols "'$file' does not compile, nothing was checked"; return 1; }
    done
}

guard_symbols() {
    need_rooms symbols || return
    compile "${core[@]}" "${host[@]}" "${service[@]}" || return
    local object
    local core_objects=("$objects"/core/*.o) host_objects=("$objects"/host/*.o "$objects"/pool_writer.o)
    local service_objects=("$objects"/service/*.o)
    need symbols 'core object' "${core_objects[@]}" &&
        need symbols 'host object' "${host_objects[@]}" || return
    nm --defined-only "${core_objects[@]}" | awk 'NF == 3 {print $3}' >"$objects/core.names"
    nm --defined-only "${core_objects[@]}" "${host_objects[@]}" | awk 'NF == 3 {print $3}' >"$objects/host.names"
    echo "$allowed" >"$objects/allowed"
    for object in "${core_objects[@]}"; do
        nm -u "$object" | awk '{print $2}' | grep -vxFf "$objects/core.names" | grep -vxEf "$objects/allowed" |
            no_lines symbols "core/${object##*/} reaches outside core/"
    done
    for object in "${host_objects[@]}"; do
        nm -u "$object" | awk '{print $2}' | grep -vxFf "$objects/host.names" | grep -E '^(ap|fpmp)_' |
            no_lines symbols "${object#"$objects"/} reaches into httpd or glue/"
        nm -u "$object" | awk '{print $2}' | grep -xE 'v?syslog|apr_file_open_stderr|perror' |
            no_lines symbols "${object#"$objects"/} logs, only glue/ does"
    done
    # The command is no part of httpd; what it says goes to its stderr.
    nm --defined-only "${service_objects[@]}" | awk 'NF == 3 {print $3}' >>"$objects/host.names"
    for object in "${service_objects[@]}"; do
        nm -u "$object" | awk '{print $2}' | grep -vxFf "$objects/host.names" | grep -E '^(ap|fpmp)_' |
            no_lines symbols "${object#"$objects"/} reaches into httpd or glue/"
    done
}

# No mutable file-scope variable: both children and both passes of a start share nothing.
guard_globals() {
    need_rooms globals || return
    compile "${core[@]}" "${host[@]}" "${glue[@]}" "${service[@]}" || return
    local file
    for file in "${core[@]}" "${host[@]}" "${glue[@]}" "${service[@]}"; do
        nm "$objects/${file%.c}.o" | awk '$2 ~ /^[dDbBC]$/ {print $3}' |
            grep -vx 'fpmpool_module' | # httpd's module record, httpd writes into it
            no_lines globals "$file has a variable that can change"
    done
}

# ---- codes: once in the code, once in the documentation ------------------------------------
# same_names GUARD A A-WORDS B B-WORDS: two sorted lists of names are equal and name nothing twice.
same_names() {
    need "$1" "$3" "$2" && need "$1" "$5" "$4" || return
    uniq -d "$2" | no_lines "$1" "stands twice among the $3"
    uniq -d "$4" | no_lines "$1" "stands twice among the $5"
    comm -23 <(uniq "$2") <(uniq "$4") | no_lines "$1" "is one of the $3, not of the $5"
    comm -13 <(uniq "$2") <(uniq "$4") | no_lines "$1" "is one of the $5, not of the $3"
}

guard_codes() {
    need_rooms codes && need codes page docs/errors.md || return
    local file
    for file in "${core[@]}" "${host[@]}" "${glue[@]}" "${service[@]}"; do
        strip "$file" |
            perl -ne 'while (/"((?:\\.|[^"\\])*)"/g) { print "$_\n" for $1 =~ /FPMP\d{4}/g }'
    done | sort >"$objects/codes"
    sed -nE 's/^### (FPMP[0-9]{4})([^0-9].*)?$/\1/p' docs/errors.md | sort >"$objects/documented"
    same_names codes "$objects/codes" 'codes in strings of C files' \
        "$objects/documented" 'headings ### FPMPnnnn of docs/errors.md'
}

# ---- directives: the table, the README and the man page -----------------------------------
guard_directives() {
    need directives file mod_fpmpool.c README.md docs/man/mod_fpmpool.7 || return
    strip mod_fpmpool.c | tr '\n' ' ' | grep -oE 'AP_INIT_[A-Z0-9_]+\( *"FPM[A-Za-z]+"' |
        grep -oE 'FPM[A-Za-z]+' | sort >"$objects/table"
    sed -nE 's/^#+ +`?(FPM[A-Z][A-Za-z]+).*/\1/p' README.md | sort >"$objects/headings"
    same_names directives "$objects/table" 'directives in mod_fpmpool.c' \
        "$objects/headings" 'headings of README.md'
    sed -nE 's/^\.SS (FPM[A-Za-z]+).*/\1/p' docs/man/mod_fpmpool.7 | sort >"$objects/manual"
    same_names directives "$objects/table" 'directives in mod_fpmpool.c' \
        "$objects/manual" 'headings of the man page'
}

# ---- the manual: what it names exists, what users can write stands in it ----------------------
guard_docs() {
    need docs page README.md docs/directives.md docs/*.md && need docs 'C file' mod_fpmpool.c core/settings.c || return
    perl "$tools/docs.pl" >"$objects/docs" || fault docs 'tools/docs.pl did not end well, nothing was checked'
    no_lines docs 'the manual is not right' <"$objects/docs"
}

# ---- lengths ---------------------------------------------------------------------------------
# tests/ is left out: a table of cases is as long as its cases.
guard_lengths() {
    need_rooms lengths || return
    local file limit
    for file in core/*.[ch] host/*.[ch] glue/*.[ch] service/*.[ch] mod_fpmpool.[ch] pool_writer.c; do
        case $file in
            glue/*|mod_fpmpool.c) limit=600 ;; # hooks and directives of httpd are wordy
            *.h) limit=600 ;; # a contract grows with its comments, not with its code
            *) limit=400 ;;
        esac
        awk -v limit="$limit" '
            /^[a-z].*\) *\{$/ {print FILENAME ":" FNR ": the brace of a function stands on its own line"}
            /^\{/ {start = FNR}
            /^\}/ {
                if (start && FNR - start - 1 > 60)
                    print FILENAME ":" start ": function of " FNR - start - 1 " lines, the limit is 60"
                start = 0
            }
            END {if (FNR > limit) print FILENAME ": " FNR " lines, the limit is " limit}' "$file" |
            no_lines lengths "too long or not measurable"
    done
}

# ---- words ------------------------------------------------------------------------------------
# The tree speaks of the module, not of how it was made, and of no path of one machine. The
# brackets keep this file from finding itself.
guard_words() {
    local files
    # Left out: git's own files, and what make and t/run made.
    mapfile -t files < <(find . \( -name .git -o -path ./build -o -path ./.libs -o -path ./t/logs \) \
        -prune -o -type f -print)
    need words 'file of the tree' "${files[0]:-mod_fpmpool.h}" || return
    grep -IniE '[c]laude|[a]nthropic|[s]ession [0-9]|[i]ssue #[0-9]' "${files[@]}" |
        no_lines words "forbidden word"
    grep -InE '(^|[^A-Za-z0-9_.*-])/[w]ork/' "${files[@]}" | no_lines words "path of one machine"
}

# ---- skips: nothing that was not run may look green ---------------------------------------------
guard_skips() {
    local c=(tests/test_*.c) perl=(t/*.t)
    need skips 'test in tests/' "${c[@]}" && need skips 'test in t/' "${perl[@]}" || return
    local file
    for file in "${c[@]}"; do
        strip "$file" | grep -nE '\bskip *\(' | no_lines skips "$file skips"
    done
    grep -nE '^[^#]*\b(skip_all|skip +[^=]|skip\(|todo_skip|need_[a-z]+|TODO)' "${perl[@]}" |
        no_lines skips "a test that can skip"
    for file in "${c[@]}"; do
        grep -q '^/\* links: .*\*/$' "$file" ||
            fault skips "$file has no line '/* links: ... */', make cannot build it"
    done
}

all=(includes symbols globals codes directives docs lengths words skips)
[ $# -gt 0 ] || set -- "${all[@]}"
for guard in "$@"; do
    case " ${all[*]} " in
        *" $guard "*) "guard_$guard" ;;
        *) fault "$guard" "there is no such guard, only: ${all[*]}" ;;
    esac
done
[ ! -e "$objects/faults" ] || exit 1
echo "guards: $* hold"
