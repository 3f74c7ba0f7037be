#!/usr/bin/env bash
# Proves that cargo-lambda builds the functions and runs all of them at once, behind the routes of the template.
# Needs neither Docker nor an account.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

TELNYX_CALL=v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ

prove_release_build() {
    step "Release build"
    prove "cargo lambda build --locked --release --arm64 --bin telnyx" \
        in_target cargo lambda build --locked --release --arm64 --bin telnyx
    check "target/lambda/telnyx/bootstrap" arm64 "$(machine target/lambda/telnyx/bootstrap)"
}

# The first request to a function builds it, in the dev profile. It may take minutes, so it is built before.
start_watch() {
    step "cargo lambda watch"
    prove "dev build" cargo build --locked --workspace --bins
    port=$(free_port) url="http://127.0.0.1:$port"
    sed "s/:8000/:$dynamodb_port/; s/:9001/:$s3_port/" events/watch.env >"$work/watch.env"
    start "$work/watch.log" cargo lambda watch --ignore-changes --env-file "$work/watch.env" \
        --invoke-address 127.0.0.1 --invoke-port "$port"
    await 60 curl --silent --output /dev/null "$url/" || tail -n 20 "$work/watch.log"
}

# Signs a sample and posts it: deliver <sample> <option of send…>
deliver() {
    local said
    said=$("$work/local" send "$1" --to "$url" "${@:2}" 2>&1 || true)
    printf '%s' "${said%%$'\n'*}"
}

# The status that a path answers with: status <path> <option of curl…>
status() {
    curl --silent --output /dev/null --write-out '%{http_code}' "${@:2}" "$url$1"
}

prove_routes() {
    local name token="Authorization: Bearer local-query-token"
    for name in $("$work/local" send --list); do
        check "$name" '200 OK *"status":"accepted"*' "$(deliver "$name")"
    done
    check "sautikit-call-completed again" '200 OK *"status":"duplicate"*' "$(deliver sautikit-call-completed)"
    check "an unknown source" '404 Not Found *"source_unknown"*' "$(deliver agni-call-completed --source other)"
    check "a forged form" 401 "$(status /webhooks/telnyx/default --data CallSid=1 \
        --header "telnyx-timestamp: $(date +%s)" --header "telnyx-signature-ed25519: $(printf 'A%.0s' {1..86})==")"
    check "a wrong token" 401 "$(status "/webhooks/agni/default/$(printf 'x%.0s' {1..48})" --data '{}')"
    check "GET of a webhook" 405 "$(status /webhooks/sautikit/default)"
    check "GET /calls without a token" 401 "$(status '/calls?day=2026-06-27')"
    check "GET /calls" 200 "$(status '/calls?day=2026-06-27' --header "$token")"
    check "GET /calls/{provider}/{source}/{call_id}" 200 "$(status "/calls/telnyx/default/$TELNYX_CALL" --header "$token")"
    # There is no copy: the recordings' hosts are out of reach, or have no such file.
    local recording="/calls/telnyx/default/$TELNYX_CALL/recordings/7c1b5d2e-4a76-4a51-9d0b-2f3c8e9a1b44"
    check "GET …/recordings/{recording_id}" 409 "$(status "$recording" --header "$token")"
    check "GET /recordings" 200 "$(status /recordings --header "$token")"
    check "GET /quarantine" 200 "$(status /quarantine --header "$token")"
    check "POST …/rebuild" 200 "$(status "/calls/telnyx/default/$TELNYX_CALL/rebuild" --request POST --header "$token")"
    check "POST …/retry" '@(202|409)' "$(status "$recording/retry" --request POST --header "$token")"
}

prove_invoke() {
    step "cargo lambda invoke"
    local options=(--invoke-address 127.0.0.1 --invoke-port "$port")
    check "sautikit-call-completed.json" "200 duplicate ?*" \
        "$(cargo lambda invoke sautikit "${options[@]}" --data-file events/sautikit-call-completed.json | python3 tests/answer.py)"
    check "query-calls.json" "200 2 calls" \
        "$(cargo lambda invoke query "${options[@]}" --data-file events/query-calls.json | python3 tests/answer.py)"
    check "upkeep-replay.json" "404 delivery_unknown" \
        "$(cargo lambda invoke upkeep "${options[@]}" --data-file events/upkeep-replay.json | python3 tests/answer.py)"
    # The recordings' hosts may be out of reach; those jobs are tried again.
    check "recordings-schedule.json" '{"ended":*,"retry":*,"skipped":*,"stored":0,"unavailable":0}' \
        "$(cargo lambda invoke recordings "${options[@]}" --data-file events/recordings-schedule.json | python3 tests/answer.py)"
}

# As a person types them, in two terminals.
prove_commands_of_the_readme() {
    step "The README's commands"
    start "$work/serve.log" cargo run --locked -p local -- serve --in-memory
    if ! await 300 grep --extended-regexp '^ready|^Error' "$work/serve.log" || grep '^Error' "$work/serve.log"; then
        skip "cargo lambda watch on the README's ports" "$(tail -n 1 "$work/serve.log")"
        stop_last
        return
    fi
    start "$work/watch.log" cargo lambda watch --env-file events/watch.env --invoke-address 127.0.0.1 --invoke-port 9010
    await 60 curl --silent --output /dev/null http://127.0.0.1:9010/ || tail -n 20 "$work/watch.log"
    check "a signed form" '200 OK *"status":"accepted"*' \
        "$(cargo run --locked -p local -- send telnyx-call-completed --to http://127.0.0.1:9010)"
    cargo lambda invoke query --invoke-address 127.0.0.1 --invoke-port 9010 --data-file events/query-calls.json \
        >"$work/readme.answer"
    check "an event from a file" "200 0 calls" "$(python3 tests/answer.py <"$work/readme.answer")"
    stop_last
    stop_last
}

install_tools
prove_release_build
start_stores 127.0.0.1
start_watch
prove_routes
prove_invoke
stop_last
prove_commands_of_the_readme
summary
