/* SPDX-License-Identifier: Apache-2.0
 *
 * The style of the status page, and the header that lets a browser use this style and
 * nothing else. Light and dark as the browser wants; on a narrow screen each pool is a
 * card.
 */
#include "status.h"

/* One string per line of the style: its hash in the policy below is of these bytes
 * (t/status.t compares the two). */
const char fpmp_status_css[] =
    ":root{--bg:#fff;--fg:#1b1e23;--dim:#5b6370;--line:#d8dce2;--head:#f3f5f8;--link:#0b5cad}\n"
    ".broken{--c:#a4001d;--b:#fde9ec}.full,.silent{--c:#8a4200;--b:#fff0dc}\n"
    ".notice{--c:#6a5700;--b:#fff8d2}.pending,.unknown{--c:#274b8f;--b:#e7eefb}\n"
    ".ok{--c:#0b6630;--b:#e3f5e9}.idle{--c:#555d68;--b:#eceef1}\n"
    "@media(prefers-color-scheme:dark){\n"
    ":root{--bg:#14171b;--fg:#e4e7eb;--dim:#9aa3af;--line:#333941;--head:#1d2126;--link:#7db8f5}\n"
    ".broken{--c:#ffb3bd;--b:#4a1019}.full,.silent{--c:#ffcf94;--b:#46290a}\n"
    ".notice{--c:#f0de8a;--b:#3c3408}.pending,.unknown{--c:#b3ccff;--b:#1d2f55}\n"
    ".ok{--c:#9fe3b6;--b:#0f3a20}.idle{--c:#b7bec8;--b:#2b3037}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;padding:1rem;background:var(--bg);color:var(--fg);font:15px/1.4 system-ui,sans-serif}\n"
    "h1{margin:0 0 .4rem;font-size:1.3rem}\n"
    "p{margin:.3rem 0}\n"
    "a{color:var(--link)}\n"
    ".s{display:inline-block;padding:.05rem .5rem;border-radius:.6rem;background:var(--b);color:var(--c);\n"
    "font-weight:600;white-space:nowrap}\n"
    ".sum .s{margin:0 .3rem .3rem 0}\n"
    "nav,footer,small{color:var(--dim)}\n"
    "nav a,nav b{margin-right:.7rem;white-space:nowrap}\n"
    "nav b{color:var(--fg)}\n"
    "table{width:100%;margin:.8rem 0;border-collapse:collapse}\n"
    "th,td{padding:.35rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\n"
    "thead th{background:var(--head);font-size:.85rem;white-space:nowrap}\n"
    "tbody{border-top:1px solid var(--line)}\n"
    ".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    "small{display:block;font-size:.8rem}\n"
    "@media(min-width:68rem){td:nth-child(2),td:nth-child(3){min-width:15rem}}\n"
    ".why td{padding-top:0;color:var(--c)}\n"
    ".why div{color:var(--fg)}\n"
    "summary{cursor:pointer}\n"
    "@media(max-width:68rem){\n"
    "body{padding:.6rem}\n"
    "table,tbody,tr,td{display:block;width:100%}\n"
    "thead{display:none}\n"
    "tbody{margin:0 0 .7rem;padding:.3rem .2rem;border:1px solid var(--line);border-radius:.5rem}\n"
    "tr:not(.why){display:grid;grid-template-columns:repeat(3,1fr)}\n"
    "td{display:flex;grid-column:1/-1;gap:.6rem;padding:.15rem .5rem}\n"
    "td::before{content:attr(data-label);flex:0 0 5.5rem;color:var(--dim);font-size:.85rem}\n"
    "td>div{flex:1;min-width:0}\n"
    "td.n{display:block;grid-column:auto;text-align:left}\n"
    "td.none{display:none}\n"
    ".why td{display:block;padding-top:.2rem}\n"
    ".why td::before{content:none}\n"
    "nav a,nav b{display:inline-block;padding:.3rem 0}}\n";

const char fpmp_status_csp[] =
    "default-src 'none'; style-src 'sha256-WsGehNjauaoWWBi9lOJDcSpNWBcYk2OM/0/9q93Ockw='; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
