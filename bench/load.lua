-- SPDX-License-Identifier: Apache-2.0
--
-- What wrk sends, and one line of what it saw, as bench/raw prints it too.
-- Usage: wrk ... -s load.lua URL [-- FILE]; FILE is sent as the body of a POST.

function init(args)
    if args[1] then
        local file = assert(io.open(args[1], "rb"))
        wrk.method, wrk.body = "POST", file:read("*a")
        wrk.headers["Content-Type"] = "application/octet-stream"
        file:close()
    end
end

function done(summary, latency)
    local e = summary.errors
    local errors = e.connect + e.read + e.write + e.status + e.timeout
    io.write(string.format("requests=%d duration_us=%d errors=%d p50_us=%d p99_us=%d\n",
        summary.requests, summary.duration, errors,
        latency:percentile(50), latency:percentile(99)))
end
