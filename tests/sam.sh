#!/usr/bin/env bash
# Proves the template and the release binaries with SAM: they build, and each of the six functions answers its sample
# events in a container, on stores of this machine. Needs no account. What needs Docker is skipped without it.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/docker.sh
source tests/docker.sh

PARALLEL=4
# The days of the samples' calls.
DAYS=(2024-01-15 2025-12-19 2026-03-24 2026-06-27)
SAUTIKIT_CALL=01900000-0000-7000-8000-000000000003
CALLKARO_CALL=2303fa770b666a64ab1694c1e

# The template's name of a function: telnyx-call-ringing belongs to TelnyxFunction.
function_of() {
    local name=${1%%-*}
    printf '%sFunction' "${name^}"
}

# Invokes a sample's function on the event from standard input: invoke <sample> <name of the answer>. SAM succeeds
# whatever a function answers, so the answer is what counts.
invoke() {
    sam local invoke "$(function_of "$1")" --event - --env-vars "$work/env.json" --config-env local \
        >"$work/$2.answer" 2>"$work/$2.log" || cat "$work/$2.log" >&2
}
committed() { invoke "$1" "$1.committed" <"events/$1.json"; }
fresh() { "$work/local" event "$1" | invoke "$1" "$1.fresh"; }
export -f function_of invoke committed fresh

# in_containers <kind of event> <sample…>
in_containers() {
    printf '%s\n' "${@:2}" | xargs -P "$PARALLEL" -I{} bash -c "$1 {}"
}

answer() {
    python3 tests/answer.py <"$work/$1.answer"
}

prove_webhooks() {
    local samples name
    mapfile -t samples < <("$work/local" send --list)
    # The signed time of some is long ago: they are applied as late.
    step "The four receivers on every committed event (${#samples[@]})"
    in_containers committed "${samples[@]}"
    for name in "${samples[@]}"; do
        check "$name" "200 accepted ?*" "$(answer "$name.committed")"
    done

    step "The same, signed now: each is a duplicate"
    in_containers fresh "${samples[@]}"
    for name in "${samples[@]}"; do
        check "$name" "200 duplicate ?*" "$(answer "$name.fresh")"
    done
}

# The function that is deployed fetches from public hosts only, and says so in the job's end.
prove_recordings() {
    step "The copier on its two events"
    make_due "CALL#sautikit#default#$SAUTIKIT_CALL" RECORDING#01900000-0000-7000-8000-000000000005 \
        https://127.0.0.1/a.mp3
    committed recordings-stream
    check recordings-stream '{"ended":1,"retry":0,"skipped":0,"stored":0,"unavailable":0}' \
        "$(answer recordings-stream.committed)"
    make_due "CALL#callkaro#default#$CALLKARO_CALL" RECORDING#0c0ebc2df1910519c75c3eadbc0e3548 https://localhost/a.mp3
    committed recordings-schedule
    # The other recordings' hosts may be out of reach; those jobs are due again and tried again.
    check recordings-schedule '{"ended":1,"retry":*,"skipped":*,"stored":0,"unavailable":0}' \
        "$(answer recordings-schedule.committed)"
}

prove_query() {
    step "The read API and the upkeep on their events"
    in_containers committed query-call query-calls upkeep-replay upkeep-schedule
    check query-call "200 completed $SAUTIKIT_CALL" "$(answer query-call.committed)"
    check query-calls "200 2 calls" "$(answer query-calls.committed)"
    check upkeep-replay "404 delivery_unknown" "$(answer upkeep-replay.committed)"
    check upkeep-schedule "{}" "$(answer upkeep-schedule.committed)"
}

prove_ledger() {
    step "What the ledger has now"
    python3 tests/ledger.py "$ledger" "${DAYS[@]}" | tee "$work/ledger"
    check "calls" 6 "$(wc -l <"$work/ledger")"
    check "deliveries applied" 13 "$(grep --only-matching '[0-9]* applied' "$work/ledger" | awk '{n += $1} END {print n}')"
    check "a link to this machine" "*: 1 rejected ip_literal" "$(grep "$SAUTIKIT_CALL" "$work/ledger")"
    check "a link to no public name" "*: 1 rejected host_not_public" "$(grep "$CALLKARO_CALL" "$work/ledger")"
}

prove_start_api() {
    step "sam local start-api"
    local port url said
    port=$(free_port) url="http://127.0.0.1:$port"
    start "$work/start-api.log" sam local start-api --port "$port" --env-vars "$work/env.json" --config-env local
    await 120 curl --silent --output /dev/null "$url/calls" || tail -n 20 "$work/start-api.log"
    said=$("$work/local" send sautikit-call-completed --to "$url" --set data.call_id=by-start-api --set event_id=1)
    check "a signed delivery" '200 OK *"status":"accepted"*' "${said%%$'\n'*}"
    said=$("$work/local" send telnyx-call-completed --to "$url" --set CallSid=by-start-api)
    check "a signed form" '200 OK *"status":"accepted"*' "${said%%$'\n'*}"
    said=$(curl --silent --write-out '%{http_code}' --output /dev/null --data '{}' \
        --header "X-Sautikit-Signature: $(printf '0%.0s' {1..64})" "$url/webhooks/sautikit/default")
    check "a forged delivery" 401 "$said"
    stop_last
}

# As a person types them, on the ports of events/env.json.
prove_commands_of_the_readme() {
    step "The README's commands"
    start "$work/serve.log" cargo run --locked -p local -- serve --host 0.0.0.0 --in-memory
    if ! await 300 grep --extended-regexp '^ready|^Error' "$work/serve.log" || grep '^Error' "$work/serve.log"; then
        skip "an event from standard input" "$(tail -n 1 "$work/serve.log")"
        stop_last
        return
    fi
    cargo run --locked -p local -- event telnyx-call-completed | sam local invoke TelnyxFunction --event - --config-env local \
        >"$work/readme.answer" 2>"$work/readme.log"
    check "an event from standard input" "200 accepted ?*" "$(answer readme)"
    sam local invoke QueryFunction --event events/query-calls.json --config-env local \
        >"$work/readme.answer" 2>"$work/readme.log"
    check "an event from a file" "200 0 calls" "$(answer readme)"
    start "$work/start-api.log" sam local start-api --port 9010 --config-env local
    await 120 curl --silent --output /dev/null http://127.0.0.1:9010/calls || tail -n 20 "$work/start-api.log"
    check "a signed delivery to all routes" '200 OK *"status":"accepted"*' \
        "$("$work/local" send agni-call-completed --to http://127.0.0.1:9010)"
    stop_last
    stop_last
}

install_tools

step "Template"
prove "sam validate --lint" sam validate --lint

step "Release build for this machine, about ten minutes the first time"
prove "sam build --config-env local" in_target sam build --config-env local

# What is deployed by default. It can't run here, but it is what was built that would be deployed.
step "Release build for the account, on arm64"
prove "sam build" in_target sam build
for binary in .aws-sam/build/*/bootstrap; do
    check "$binary" arm64 "$(machine "$binary")"
done

if docker_is_ready; then
    start_stores 0.0.0.0
    sed "s/:8000/:$dynamodb_port/; s/:9001/:$s3_port/" events/env.json >"$work/env.json"
    step "An empty ledger"
    committed query-calls
    check query-calls "200 0 calls" "$(answer query-calls.committed)"
    prove_webhooks
    prove_recordings
    prove_query
    prove_ledger
    prove_start_api
    prove_commands_of_the_readme
else
    skip "sam local invoke of the six functions" "$why_not"
    skip "sam local start-api" "$why_not"
    skip "the README's commands" "$why_not"
fi
summary
