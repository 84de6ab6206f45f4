/* SPDX-License-Identifier: Apache-2.0
 *
 * The codes of requests in a few words each, for the status page; docs/errors.md has the
 * whole. By number, since each code stands once in the code, where it is said.
 */
#include "status.h"

static const struct {
    int code;
    const char *words;
} said[] = {
    { 602, "answered 503, the chain is broken" },
    { 603, "refused, the file has none of the pool's extensions" },
    { 604, "refused by owner=strict" },
    { 606, "its body could not be read" },
    { 607, "refused, a variable is longer than FastCGI can carry" },
    { 609, "refused, mod_proxy would have gone to another pool" },
    { 610, "the socket was not there" },
    { 611, "nobody listened on the socket" },
    { 612, "httpd could not connect to the socket" },
    { 613, "the queue was full" },
    { 614, "httpd could not connect to the socket" },
    { 615, "the script was silent longer than the time limit" },
    { 616, "the child ended in the middle of its answer" },
    { 617, "refused, a control character in the URL" },
    { 622, "a header of the script that is none" },
    { 623, "headers of the script longer than 256 KB" },
    { 624, "what listens on the socket does not speak FastCGI" },
    { 625, "the pool refused, it is overloaded" },
    { 626, "the answer ended before its header" },
    { 627, "the answer was shorter than the script had said" },
    { 628, "a status that is none of HTTP" },
    { 629, "a control character in a header of the script" },
    { 632, "refused, php_flag engine off" },
    { 675, "led elsewhere on its way to mod_fastcgi" },
    { 676, "not taken by mod_actions" },
    { 687, "refused, a '?' in the name of the script" },
    { 689, "broken off by a machine, and not sent to another one" },
    { 690, "not taken by mod_proxy" },
    { 700, "refused, its URL has the name of pm.status_path" },
};

const char *fpmp_status_error_words(int code)
{
    apr_size_t i;

    for (i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        if (said[i].code == code) {
            return said[i].words;
        }
    }
    return "went wrong";
}
